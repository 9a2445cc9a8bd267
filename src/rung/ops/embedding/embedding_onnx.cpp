#include <algorithm>

#include "rung/base/error.h"
#include "rung/ops/embedding/embedding_onnx.h"
#include "rung/ops/layout/follow.h"

namespace rung::ops {

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

namespace {

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

OnnxResult compress(OnnxCall& call) {
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

// What gives as many results as the data has it. Where all of it is known, it was worked out.
OnnxResult sized_by_data(OnnxCall&) {
  fail_unsupported(
      "data decides the sizes of its result, and a graph has sizes; what it reads must be known "
      "when the file is read, or the network cut in front of it");
}

constexpr OnnxEntry kEmbeddingRules[] = {
    {"NonMaxSuppression", sized_by_data},
    {"NonZero", sized_by_data},
    {"Unique", sized_by_data},
    {"ReverseSequence", reverse_sequence},
    {"TensorScatter", tensor_scatter},
    {"Gather", gather},
    {"GatherElements", gather_elements},
    {"GatherND", gather_nd},
    {"ScatterElements", scatter_elements},
    {"Scatter", scatter_elements},
    {"ScatterND", scatter_nd},
    {"OneHot", one_hot},
    {"Compress", compress},
    {"TfIdfVectorizer", tfidf_vectorizer},
};

}  // namespace

OnnxRules embedding_onnx() { return kEmbeddingRules; }

}  // namespace rung::ops
