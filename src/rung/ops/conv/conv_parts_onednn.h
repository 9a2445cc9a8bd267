#pragma once

#include <optional>

#include "rung/ops/check.h"
#include "rung/ops/primitives.h"

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

/// A primitive of a step whose inputs are x, the weight where it is not packed, a bias (at that
/// place), and further ones up to `inputs`.
inline onednn::Way convolution_way(const onednn::Implementation& implementation, size_t inputs,
                                   std::optional<onednn::Ref> packed, std::optional<size_t> bias) {
  std::vector<std::pair<int, size_t>> operands = {{DNNL_ARG_SRC, 0},
                                                  {DNNL_ARG_WEIGHTS, packed ? inputs : 1},
                                                  {DNNL_ARG_DST, inputs + (packed ? 1 : 0)}};
  if (bias) operands.emplace_back(DNNL_ARG_BIAS, *bias);
  onednn::Way way = implementation.way(operands);
  if (packed) way.constants = {*packed};
  return way;
}

}  // namespace rung::ops
