#include <algorithm>

#include "rung/base/error.h"
#include "rung/ops/embedding/embedding_onnx.h"
#include "rung/ops/layout/follow.h"

namespace rung::ops {
namespace {

/// What stands there and what is scattered onto it, folded: add, mul, max, min.
Ref scattered(OnnxCall& call, Ref x, int64_t axis, Ref index, Ref source, const std::string& how) {
  const std::string fn = how == "add"   ? "sum"
                         : how == "mul" ? "prod"
                         : how == "max" ? "amax"
                         : how == "min" ? "amin"
                                        : "";
  if (fn.empty()) fail_user("attribute reduction is '{}'", how);
  return Aten(call,
              "aten::scatter_reduce.two(Tensor self, int dim, Tensor index, Tensor src, str "
              "reduce, *, bool include_self=True) -> Tensor")
      .input(x)
      .integer(axis)
      .input(index)
      .input(source)
      .text(fn)
      .flag(true)
      .like();
}

}  // namespace

OnnxResult scatter_elements(OnnxCall& call) {
  const size_t axis = resolve_axis(call.integer("axis", 0), call.rank(0));
  const std::string how = call.text("reduction", "none");
  const Ref x = call.tensor(0), index = from_begin(call, 1, call.sizes(0)[axis]);
  const auto place = static_cast<int64_t>(axis);
  if (how == "none") {
    return {
        Aten(call, "aten::scatter.src(Tensor self, int dim, Tensor index, Tensor src) -> Tensor")
            .input(x)
            .integer(place)
            .input(index)
            .input(call.tensor(2))
            .like()};
  }
  return {scattered(call, x, place, index, call.tensor(2), how)};
}

Flat flattened(OnnxCall& call, size_t batch) {
  const Dims sizes = call.sizes(0), index_sizes = call.sizes(1);
  if (index_sizes.empty() || index_sizes.back().varies()) call.fix(index_sizes);
  const auto depth = static_cast<size_t>(index_sizes.back().value());
  if (depth == 0 || batch + depth > sizes.size()) {
    fail_user("tuples of {} indices into {} axes", depth, sizes.size());
  }
  Flat out{.x = call.tensor(0), .index = 0, .leading = {}};
  for (size_t i = 0; i < batch + depth; ++i) {
    if (sizes[i].varies()) call.fix({sizes[i]});
    out.leading.push_back(sizes[i].value());
  }
  // index · strides, each wrapped where it counts from the end
  const Ref tuples = call.cast(call.tensor(1), DType::kI64);
  std::vector<int64_t> limits, strides(depth, 1);
  for (size_t i = 0; i < depth; ++i) limits.push_back(out.leading[batch + i]);
  for (size_t i = depth - 1; i-- > 0;) strides[i] = strides[i + 1] * limits[i + 1];
  const auto list = [&](std::vector<int64_t> numbers) {
    const auto count = static_cast<int64_t>(numbers.size());
    return call.add(Constant{Tensor::i64({count}, std::move(numbers))}, {});
  };
  const Ref below = call.with_number(BinaryFn::kLess, tuples, 0);
  const Ref wrapped =
      call.add(Where{}, {below, call.add(Binary{BinaryFn::kAdd}, {tuples, list(limits)}), tuples});
  const Ref scaled = call.add(Binary{BinaryFn::kMul}, {wrapped, list(strides)});
  out.index = call.add(Reduce{.kind = ReduceKind::kSum, .axes = {-1}}, {scaled});
  if (depth > 1) {
    out.x = call.add(Flatten{.first = static_cast<int64_t>(batch),
                             .last = static_cast<int64_t>(batch + depth) - 1},
                     {out.x});
  }
  return out;
}

OnnxResult scatter_nd(OnnxCall& call) {
  const std::string how = call.text("reduction", "none");
  const Flat flat = flattened(call, 0);
  const Dims sizes = call.sizes(0);
  // Rows of x: [rows, rest…]; index [k]; updates [k, rest…]
  Ref index = flat.index;
  const auto index_rank = static_cast<int64_t>(call.type(index).rank());
  Ref updates = call.tensor(2);
  if (index_rank == 0) {
    index = call.add(Unsqueeze{.axes = {0}}, {index});
    updates = call.add(Unsqueeze{.axes = {0}}, {updates});
  } else if (index_rank > 1) {
    index = call.add(Flatten{.first = 0, .last = index_rank - 1}, {index});
    updates = call.add(Flatten{.first = 0, .last = index_rank - 1}, {updates});
  }
  Ref y = 0;
  if (how == "none") {
    y = Aten(call, "aten::index_copy(Tensor self, int dim, Tensor index, Tensor source) -> Tensor")
            .input(flat.x)
            .integer(0)
            .input(index)
            .input(updates)
            .like();
  } else {
    // One index for every element of a row.
    Sizes behind;
    for (size_t i = 1; i < call.type(updates).rank(); ++i) {
      behind.push_back(static_cast<int64_t>(i));
    }
    if (!behind.empty()) {
      index = call.add(Unsqueeze{.axes = behind}, {index});
      index = broadcast_to(call, index, call.sizes_of(updates));
    }
    y = scattered(call, flat.x, 0, index, updates, how);
  }
  return {reshape_to(call, y, call.sizes_of(y), sizes)};
}

// a cache, what is written along an axis of it, and from where, a number per sample
OnnxResult tensor_scatter(OnnxCall& call) {
  const std::string mode = call.text("mode", "linear");
  if (mode != "linear" && mode != "circular") fail_user("attribute mode is '{}'", mode);
  const size_t axis = resolve_axis(call.integer("axis", -2), call.rank(0));
  if (axis == 0) fail_user("TensorScatter along the batch");
  const Ref update = call.tensor(1);
  const Dim size = call.sizes(0)[axis];
  Sizes behind(call.rank(0) - axis - 1);
  for (size_t i = 0; i < behind.size(); ++i) behind[i] = static_cast<int64_t>(i) + 1;
  Ref index = call.add(ArangeLike{.axis = static_cast<int64_t>(axis)}, {update});
  if (!behind.empty()) index = call.add(Unsqueeze{.axes = behind}, {index});
  if (call.given(2)) {
    Sizes all(call.rank(0) - 1);
    for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int64_t>(i) + 1;
    const Ref begin = call.add(Unsqueeze{.axes = all}, {call.cast(call.tensor(2), DType::kI64)});
    index = call.add(Binary{BinaryFn::kAdd}, {begin, index});
  }
  if (mode == "circular") {
    if (size.varies()) call.fix({size});
    index = call.with_number(BinaryFn::kRemainder, index, static_cast<double>(size.value()));
  }
  index = broadcast_to(call, index, call.sizes_of(update));
  return {Aten(call, "aten::scatter.src(Tensor self, int dim, Tensor index, Tensor src) -> Tensor")
              .input(call.tensor(0))
              .integer(static_cast<int64_t>(axis))
              .input(index)
              .input(update)
              .like()};
}

// x and a length per sample: the steps up to it in the opposite order, the rest as they are
OnnxResult reverse_sequence(OnnxCall& call) {
  const int64_t batch = call.integer("batch_axis", 1), time = call.integer("time_axis", 0);
  if (batch + time != 1 || batch < 0 || time < 0) {
    fail_user("batch_axis {} and time_axis {}; they are 0 and 1", batch, time);
  }
  const Ref x = call.tensor(0);
  Ref steps = call.add(ArangeLike{.axis = time}, {x});
  Ref lengths = call.cast(call.tensor(1), DType::kI64);
  (time == 0 ? steps : lengths) = call.add(Unsqueeze{.axes = {1}}, {time == 0 ? steps : lengths});
  const Ref mirrored =
      call.with_number(BinaryFn::kSub, call.add(Binary{BinaryFn::kSub}, {lengths, steps}), 1);
  const Ref inside = call.add(Binary{BinaryFn::kLess}, {steps, lengths});
  Ref index = call.add(Where{}, {inside, mirrored, steps});
  Sizes behind;
  for (size_t i = 2; i < call.rank(0); ++i) behind.push_back(static_cast<int64_t>(i));
  if (!behind.empty()) index = call.add(Unsqueeze{.axes = behind}, {index});
  return {taken_along(call, x, time, broadcast_to(call, index, call.sizes(0)))};
}

}  // namespace rung::ops
