#include "rung/ops/check.h"
#include "rung/ops/onnx_export.h"

namespace rung::ops {
namespace {

Sizes ends_joined(const Border& border) {
  Sizes pads = border.begin;
  pads.insert(pads.end(), border.end.begin(), border.end.end());
  return pads;
}

Sizes kernel_of(const OnnxWriter& w) {
  const Shape& weight = w.type(1).shape;
  return {weight.begin() + 2, weight.end()};
}

}  // namespace

OnnxValues to_onnx(const Conv& op, OnnxWriter& w) {
  const size_t axes = w.type(0).rank() - 2;
  Border pads = border(Conv::kName, op.padding, axes);
  OnnxValues in = w.inputs();
  if (op.pad_mode != PadMode::kZeros) {
    Sizes begin(axes + 2, 0), end(axes + 2, 0);
    for (size_t i = 0; i < axes; ++i) {
      begin[i + 2] = pads.begin[i];
      end[i + 2] = pads.end[i];
    }
    in[0] = padded(w, in[0], begin, end, op.pad_mode, 0, w.type(0).dtype);
    pads = {Sizes(axes, 0), Sizes(axes, 0)};
  }
  return {w.add("Conv", in,
                {{"kernel_shape", kernel_of(w)},
                 {"strides", per_axis(Conv::kName, "stride", op.stride, axes, 1, 1)},
                 {"pads", ends_joined(pads)},
                 {"dilations", per_axis(Conv::kName, "dilation", op.dilation, axes, 1, 1)},
                 {"group", op.groups}})};
}

OnnxValues to_onnx(const ConvTranspose& op, OnnxWriter& w) {
  constexpr auto kName = ConvTranspose::kName;
  const size_t axes = w.type(0).rank() - 2;
  const Sizes stride = per_axis(kName, "stride", op.stride, axes, 1, 1);
  Sizes extra = per_axis(kName, "output_padding", op.output_padding, axes, 0, 0);
  Border pads = border(kName, op.padding, axes);
  for (size_t i = 0; i < axes; ++i) {
    // ONNX Runtime refuses as much as a stride; to cut less at the end is the same.
    if (extra[i] < stride[i] || extra[i] > pads.end[i]) continue;
    pads.end[i] -= extra[i];
    extra[i] = 0;
  }
  return {w.add("ConvTranspose", w.inputs(),
                {{"kernel_shape", kernel_of(w)},
                 {"strides", stride},
                 {"pads", ends_joined(pads)},
                 {"output_padding", extra},
                 {"dilations", per_axis(kName, "dilation", op.dilation, axes, 1, 1)},
                 {"group", op.groups}})};
}

}  // namespace rung::ops
