#include <algorithm>

#include "rung/base/error.h"
#include "rung/ops/layout/follow.h"
#include "rung/ops/onnx.h"

namespace rung::ops {
namespace {

/// Indices that count from the end where they are negative, made to count from the beginning.
Ref from_begin(OnnxCall& call, size_t i, const Dim& size) {
  if (call.known(i)) {
    const Tensor index = call.constant(i);
    bool negative = false;
    for (int64_t k = 0; k < index.elements(); ++k) negative = negative || index.at(k) < 0;
    if (!negative) return call.cast(call.tensor(i), DType::kI64);
  }
  const Ref index = call.cast(call.tensor(i), DType::kI64);
  if (size.varies()) return index;  // as they are: LibTorch refuses negative ones by itself
  const Ref below = call.with_number(BinaryFn::kLess, index, 0);
  const Ref moved = call.with_number(BinaryFn::kAdd, index, static_cast<double>(size.value()));
  return call.add(Where{}, {below, moved, index});
}

OnnxResult gather(OnnxCall& call) {
  const size_t axis = resolve_axis(call.integer("axis", 0), call.rank(0));
  const Dim size = call.sizes(0)[axis];
  const auto place = static_cast<int64_t>(axis);
  const Ref x = call.tensor(0);
  if (call.known(1) && call.rank(1) == 0) {  // one entry: x[i]
    const int64_t index = place_of(call, call.dims(1).at(0), size);
    const int64_t end = index == -1 ? INT64_MAX : index + 1;
    const Ref y = call.add(Slice{.axis = place, .begin = index, .end = end}, {x});
    return {call.add(Squeeze{.axes = {place}}, {y})};
  }
  const Ref index = from_begin(call, 1, size);
  if (axis == 0 && call.type(x).rank() == 2 && is_floating(call.type(x).dtype) && !call.known(1)) {
    return {call.add(Embedding{}, {index, x})};
  }
  return {call.add(Gather{.axis = place}, {x, index})};
}

OnnxResult gather_elements(OnnxCall& call) {
  const size_t axis = resolve_axis(call.integer("axis", 0), call.rank(0));
  const Ref x = call.tensor(0);
  return {
      taken_along(call, x, static_cast<int64_t>(axis), from_begin(call, 1, call.sizes(0)[axis]))};
}

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

// on where the place along a new axis is the index, else off
OnnxResult one_hot(OnnxCall& call) {
  const int64_t depth = call.integer(1);
  const size_t axis = resolve_axis(call.integer("axis", -1), call.rank(0) + 1);
  Ref index = call.cast(call.tensor(0), DType::kI64);
  index = call.add(Where{},
                   {call.with_number(BinaryFn::kLess, index, 0),
                    call.with_number(BinaryFn::kAdd, index, static_cast<double>(depth)), index});
  index = call.add(Unsqueeze{.axes = {static_cast<int64_t>(axis)}}, {index});
  if (depth < 0 || depth > 1000000) fail_user("a depth of {}", depth);
  std::vector<int64_t> count(static_cast<size_t>(depth));
  for (size_t i = 0; i < count.size(); ++i) count[i] = static_cast<int64_t>(i);
  Shape shape(call.rank(0) + 1 - axis, 1);
  shape[0] = depth;
  const Ref places = call.add(Constant{Tensor::i64(shape, std::move(count))}, {});
  const Ref is = call.add(Binary{BinaryFn::kEqual}, {index, places});
  const Ref values = call.tensor(2);
  const auto value = [&](int64_t i) {
    const Ref one = call.add(Slice{.axis = 0, .begin = i, .end = i + 1}, {values});
    return call.add(Squeeze{.axes = {0}}, {one});
  };
  return {call.add(Where{}, {is, value(1), value(0)})};
}

// Tuples of indices along the leading axes, which become one axis.
struct Flat {
  Ref x, index;
  Sizes leading;  ///< sizes of x's axes that are indexed
};
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

OnnxResult gather_nd(OnnxCall& call) {
  const auto batch = static_cast<size_t>(call.integer("batch_dims", 0));
  if (batch == 0) {
    const Flat flat = flattened(call, 0);
    return {call.add(Gather{.axis = 0}, {flat.x, flat.index})};
  }
  // Batch axes become one, and each sample's index points behind the samples before it.
  const Flat flat = flattened(call, batch);
  const Dims index_sizes = call.sizes(1);
  for (const Dim& size : index_sizes) {
    if (size.varies()) call.fix({size});
  }
  int64_t samples = 1, rows = 1;
  for (size_t i = 0; i < flat.leading.size(); ++i) (i < batch ? samples : rows) *= flat.leading[i];
  Ref x = flat.x;  // [batch…, rows, rest…]
  x = call.add(Flatten{.first = 0, .last = static_cast<int64_t>(batch)}, {x});
  std::vector<int64_t> offsets;
  for (int64_t i = 0; i < samples; ++i) offsets.push_back(i * rows);
  Shape shape(flat.leading.begin(), flat.leading.begin() + static_cast<int64_t>(batch));
  shape.resize(call.type(flat.index).rank(), 1);
  const Ref moved = call.add(Binary{BinaryFn::kAdd},
                             {flat.index, call.add(Constant{Tensor::i64(shape, offsets)}, {})});
  return {call.add(Gather{.axis = 0}, {x, moved})};
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

OnnxResult compress(OnnxCall& call) {
  if (!call.known(1)) fail_unsupported("Compress by a condition that data decides");
  const Tensor condition = call.constant(1);
  std::vector<int64_t> places;
  for (int64_t i = 0; i < condition.elements(); ++i) {
    if (condition.at(i) != 0) places.push_back(i);
  }
  Ref x = call.tensor(0);
  int64_t axis = call.integer("axis", 0);
  if (!call.has("axis")) {
    x = call.add(Reshape{.shape = {-1}}, {x});
    axis = 0;
  }
  const auto count = static_cast<int64_t>(places.size());
  const Ref index = call.add(Constant{Tensor::i64({count}, std::move(places))}, {});
  return {call.add(Gather{.axis = axis}, {x, index})};
}

constexpr OnnxEntry kRules[] = {
    {"Gather", gather},
    {"GatherElements", gather_elements},
    {"GatherND", gather_nd},
    {"ScatterElements", scatter_elements},
    {"Scatter", scatter_elements},
    {"ScatterND", scatter_nd},
    {"OneHot", one_hot},
    {"Compress", compress},
};

}  // namespace

OnnxRules embedding_onnx() { return kRules; }

}  // namespace rung::ops
