#include <algorithm>

#include "rung/base/error.h"
#include "rung/ops/check.h"
#include "rung/ops/onnx_export.h"

namespace rung::ops {
namespace {

bool none(const Sizes& sizes) {
  return std::all_of(sizes.begin(), sizes.end(), [](int64_t n) { return n == 0; });
}

// The end of an axis goes in front of it, and its begin behind: "wrap" is younger than opset 17.
OnnxValue wrapped(OnnxWriter& w, OnnxValue x, const Sizes& begin, const Sizes& end) {
  for (size_t i = 0; i < begin.size(); ++i) {
    const auto axis = static_cast<int64_t>(i);
    OnnxValues parts;
    if (begin[i] > 0) parts.push_back(w.slice(x, axis, -begin[i], INT64_MAX));
    parts.push_back(x);
    if (end[i] > 0) parts.push_back(w.slice(x, axis, 0, end[i]));
    x = w.concat(parts, axis);
  }
  return x;
}

}  // namespace

OnnxValue padded(OnnxWriter& w, OnnxValue x, const Sizes& begin, const Sizes& end, PadMode mode,
                 double value, DType dtype) {
  const auto negative = [](int64_t n) { return n < 0; };
  if (mode != PadMode::kZeros && (std::any_of(begin.begin(), begin.end(), negative) ||
                                  std::any_of(end.begin(), end.end(), negative))) {
    fail_unsupported("padding that cuts, with the mode {}", names(mode)[static_cast<size_t>(mode)]);
  }
  if (none(begin) && none(end)) return x;
  if (mode == PadMode::kCircular) return wrapped(w, x, begin, end);
  Sizes pads = begin;
  pads.insert(pads.end(), end.begin(), end.end());
  OnnxValues in{x, w.integers(pads)};
  if (mode == PadMode::kZeros) in.push_back(w.number(value, dtype));
  const char* name = mode == PadMode::kZeros     ? "constant"
                     : mode == PadMode::kReflect ? "reflect"
                                                 : "edge";
  return w.add("Pad", in, {{"mode", name}});
}

OnnxValues to_onnx(const Pad& op, OnnxWriter& w) {
  return {padded(w, w.in(0), op.begin, op.end, op.mode, op.value, w.type(0).dtype)};
}

OnnxValues to_onnx(const Slice& op, OnnxWriter& w) {
  return {w.slice(w.in(0), op.axis, op.begin, op.end, op.step)};
}

OnnxValues to_onnx(const Concat& op, OnnxWriter& w) {
  return {w.add("Concat", w.inputs(), {{"axis", op.axis}})};
}

OnnxValues to_onnx(const Split& op, OnnxWriter& w) {
  return w.add_all("Split", {w.in(0), w.integers(op.sizes)}, {{"axis", op.axis}}, op.sizes.size());
}

OnnxValues to_onnx(const Stack& op, OnnxWriter& w) {
  OnnxValues parts = w.inputs();
  const auto axis = static_cast<int64_t>(axis_in(Stack::kName, op.axis, w.type(0).rank() + 1));
  for (OnnxValue& part : parts) part = w.unsqueeze(part, {axis});
  return {w.add("Concat", parts, {{"axis", axis}})};
}

OnnxValues to_onnx(const Reshape& op, OnnxWriter& w) {
  return {w.add("Reshape", {w.in(0), w.integers(op.shape)})};
}

OnnxValues to_onnx(const Flatten& op, OnnxWriter& w) {
  const size_t rank = w.type(0).rank();
  if (rank == 2 && op.first == 1) return {w.in(0)};
  const bool vector = op.first == 1 && (op.last == -1 || op.last + 1 == static_cast<int64_t>(rank));
  if (vector && rank > 1) return {w.add("Flatten", {w.in(0)}, {{"axis", int64_t{1}}})};
  return {w.reshape(w.in(0), w.sizes(0), w.result_sizes())};
}

OnnxValues to_onnx(const Transpose& op, OnnxWriter& w) {
  Sizes order;
  for (const int64_t axis : op.order) {
    order.push_back(static_cast<int64_t>(axis_in(Transpose::kName, axis, w.type(0))));
  }
  return {w.transpose(w.in(0), order)};
}

OnnxValues to_onnx(const Squeeze& op, OnnxWriter& w) { return {w.squeeze(w.in(0), op.axes)}; }

OnnxValues to_onnx(const Unsqueeze& op, OnnxWriter& w) { return {w.unsqueeze(w.in(0), op.axes)}; }

OnnxValues to_onnx(const Expand& op, OnnxWriter& w) {
  Sizes shape = op.shape;
  std::replace(shape.begin(), shape.end(), int64_t{-1}, int64_t{1});  // ONNX broadcasts both ways
  return {w.add("Expand", {w.in(0), w.integers(shape)})};
}

}  // namespace rung::ops
