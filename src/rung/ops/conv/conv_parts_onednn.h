#pragma once

#include <optional>

#include "rung/ops/check.h"
#include "rung/ops/onednn.h"

namespace rung::ops {

/// The numbers of a convolution, transposed or not, one per axis.
struct ConvWindow {
  Sizes kernel, stride, begin, end;
  Sizes gaps;  ///< dilation - 1, as oneDNN counts
  /// No gaps, and the same stride and border everywhere.
  bool is_even() const {
    return all_are(stride, stride[0]) && all_are(gaps, 0) && all_are(begin, begin[0]) &&
           end == begin;
  }
};
/// Of an op with stride, dilation and padding, at a weight [O or C, …, K…].
template <typename Op>
ConvWindow window_of(const Op& op, const Shape& weight) {
  const size_t axes = weight.size() - 2;
  ConvWindow window{.kernel = Sizes(weight.begin() + 2, weight.end()),
                    .stride = per_axis(Op::kName, "stride", op.stride, axes, 1, 1),
                    .gaps = per_axis(Op::kName, "dilation", op.dilation, axes, 1, 1)};
  for (int64_t& gap : window.gaps) --gap;
  const Border pad = border(Op::kName, op.padding, axes);
  window.begin = pad.begin;
  window.end = pad.end;
  return window;
}

/// oneDNN's reference kernels, which are many times slower than the others.
inline bool is_slow(const std::string& implementation) {
  return implementation.find("ref") != std::string::npos;
}

/// A primitive of a step whose inputs are x, the weight where it is not packed, a bias (at that
/// place), and further ones up to `inputs`.
template <typename Primitive>
onednn::Way convolution_way(const typename Primitive::primitive_desc& pd, size_t inputs,
                            std::optional<onednn::Ref> packed, std::optional<size_t> bias) {
  onednn::Way way{.name = pd.impl_info_str(), .primitive = Primitive(pd)};
  way.args = {{DNNL_ARG_SRC, 0, pd.src_desc()},
              {DNNL_ARG_WEIGHTS, packed ? inputs : 1, pd.weights_desc()},
              {DNNL_ARG_DST, inputs + (packed ? 1 : 0), pd.dst_desc()}};
  if (packed) way.constants = {*packed};
  if (bias) way.args.push_back({DNNL_ARG_BIAS, *bias, pd.bias_desc()});
  way.scratch = static_cast<int64_t>(pd.scratchpad_desc().get_size());
  return way;
}

}  // namespace rung::ops
