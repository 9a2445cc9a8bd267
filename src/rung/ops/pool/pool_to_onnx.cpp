#include <limits>
#include <numeric>

#include "rung/base/error.h"
#include "rung/ops/check.h"
#include "rung/ops/onnx_export.h"

namespace rung::ops {
namespace {

Sizes twice(Sizes sizes) {
  const Sizes copy = sizes;
  sizes.insert(sizes.end(), copy.begin(), copy.end());
  return sizes;
}

/// Whether place i of `from` belongs to stretch o of `to`, as a bool matrix [to, from]; and how
/// long each stretch is, [to, 1] (i64). Stretch o begins at ⌊o·from / to⌋ and ends in front of
/// ⌈(o + 1)·from / to⌉.
struct Stretches {
  OnnxValue member;
  OnnxValue length;
};
Stretches stretches(OnnxWriter& w, const OnnxSize& from, const OnnxSize& to) {
  const OnnxValue n = w.tensor_of(from), m = w.tensor_of(to);
  const OnnxValue places = w.unsqueeze(w.range(from), {0});
  const OnnxValue index = w.unsqueeze(w.range(to), {1});
  const OnnxValue begin = w.add("Div", {w.add("Mul", {index, n}), m});
  const OnnxValue next = w.add("Mul", {w.add("Add", {index, w.integers({1})}), n});
  const OnnxValue up = w.add("Add", {next, w.add("Sub", {m, w.integers({1})})});
  const OnnxValue end = w.add("Div", {up, m});
  const OnnxValue early = w.add("Less", {places, begin});
  return {w.add("And", {w.add("Not", {early}), w.add("Less", {places, end})}),
          w.add("Sub", {end, begin})};
}

/// The order that swaps an axis with the last.
Sizes swapped(size_t rank, size_t axis) {
  Sizes order(rank);
  std::iota(order.begin(), order.end(), 0);
  std::swap(order[axis], order[rank - 1]);
  return order;
}

/// The averages of the stretches as a matrix [from, to].
OnnxValue averages(OnnxWriter& w, const OnnxSize& from, const OnnxSize& to, DType dtype) {
  const Stretches s = stretches(w, from, to);
  const OnnxValue matrix = w.add("Div", {w.cast(s.member, dtype), w.cast(s.length, dtype)});
  return w.transpose(matrix, {1, 0});
}

}  // namespace

OnnxValue pooled(OnnxWriter& w, OnnxValue x, size_t axis, PoolKind kind, const OnnxSize& to) {
  const TensorType& type = w.type(0);
  const Sizes order = swapped(type.rank(), axis);
  const OnnxSize from = w.extent(0, static_cast<int64_t>(axis));
  x = w.transpose(x, order);
  if (kind == PoolKind::kAverage) {
    x = w.add("MatMul", {x, averages(w, from, to, type.dtype)});
  } else {
    const OnnxValue never = w.number(-std::numeric_limits<double>::infinity(), type.dtype);
    const OnnxValue all =
        w.add("Where", {stretches(w, from, to).member, w.unsqueeze(x, {-2}), never});
    x = w.reduce("ReduceMax", all, {-1}, false);
  }
  return w.transpose(x, order);
}

OnnxValues to_onnx(const Pool& op, OnnxWriter& w) {
  const size_t axes = w.type(0).rank() - 2;
  const Sizes kernel = per_axis(Pool::kName, "kernel", op.kernel, axes, 1, 1);
  const Sizes stride =
      op.stride.empty() ? kernel : per_axis(Pool::kName, "stride", op.stride, axes, 1, 1);
  OnnxAttributes attributes{
      {"kernel_shape", kernel},
      {"strides", stride},
      {"pads", twice(per_axis(Pool::kName, "padding", op.padding, axes, 0, 0))},
      {"ceil_mode", int64_t{op.ceil_mode}}};
  if (op.kind == PoolKind::kAverage) {
    attributes.emplace("count_include_pad", int64_t{op.count_include_pad});
    return {w.add("AveragePool", {w.in(0)}, attributes)};
  }
  attributes.emplace("dilations", per_axis(Pool::kName, "dilation", op.dilation, axes, 1, 1));
  return {w.add("MaxPool", {w.in(0)}, attributes)};
}

OnnxValues to_onnx(const AdaptivePool& op, OnnxWriter& w) {
  const bool max = op.kind == PoolKind::kMax;
  const Dims sizes = w.sizes(0);
  const size_t axes = sizes.size() - 2;
  const Sizes size = per_axis(AdaptivePool::kName, "size", op.size, axes, 1, 0);
  bool global = true, even = true;
  Sizes kernel;
  for (size_t i = 0; i < axes; ++i) {
    const Dim& from = sizes[i + 2];
    global = global && size[i] == 1;
    even = even && (size[i] == 0 || (!from.varies() && from.value() % size[i] == 0));
    kernel.push_back(size[i] == 0 ? 1 : from.value() / std::max<int64_t>(size[i], 1));
  }
  if (global) return {w.add(max ? "GlobalMaxPool" : "GlobalAveragePool", {w.in(0)})};
  if (even) {  // every window is as large as the next
    return {w.add(max ? "MaxPool" : "AveragePool", {w.in(0)},
                  {{"kernel_shape", kernel}, {"strides", kernel}})};
  }
  OnnxValue x = w.in(0);
  for (size_t i = 0; i < axes; ++i) {
    if (size[i] != 0) x = pooled(w, x, i + 2, op.kind, {.number = size[i]});
  }
  return {x};
}

}  // namespace rung::ops
