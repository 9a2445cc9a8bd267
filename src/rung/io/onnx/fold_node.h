#pragma once

#include <string_view>

#include "rung/base/error.h"
#include "rung/ops/onnx.h"

namespace rung::fold {

using ops::Sizes;

/// A node as its function sees it.
struct Node {
  std::string_view name;
  const ops::OnnxAttributes& attributes;
  const std::vector<Tensor>& in;
  size_t outputs;

  bool given(size_t i) const { return i < in.size() && in[i].defined(); }
  const Tensor& x(size_t i = 0) const {
    if (!given(i)) fail_user("{} lacks input {}", name, i);
    return in[i];
  }
  template <typename T>
  T attribute(std::string_view key, T fallback) const {
    const auto found = attributes.find(key);
    if (found == attributes.end()) return fallback;
    const T* value = std::get_if<T>(&found->second);
    if (value == nullptr) fail_user("attribute {} is of another type than ONNX says", key);
    return *value;
  }
  int64_t integer(std::string_view key, int64_t fallback) const {
    return attribute<int64_t>(key, fallback);
  }
};

constexpr int64_t kLargest = 1 << 20;  ///< elements of a result

/// Whole numbers are exact to 64 bits, fractions are doubles.
inline bool whole(DType dtype) { return !is_floating(dtype); }
inline void copy(Tensor& to, int64_t i, const Tensor& from, int64_t k) {
  if (whole(to.dtype()) && whole(from.dtype())) {
    to.set_integer(i, from.integer(k));
  } else {
    to.set(i, from.at(k));
  }
}

/// Zeros; throws where a result would be too large to be worked out in advance.
Tensor made(DType dtype, const Shape& shape);
/// The whole numbers of a tensor.
Sizes list(const Tensor& t);
/// The axes that an input or the attribute lists, in order, counted from the front.
Sizes axes_of(const Node& n, size_t input, size_t rank);
Tensor with_shape(const Tensor& x, const Shape& shape);
Sizes strides_of(const Shape& shape);
/// Where a coordinate of a broadcast result lies in an input.
int64_t broadcast_place(const Sizes& at, const Shape& shape, const Sizes& strides);

/// Calls f(place in the result, coordinates) for every element.
template <typename F>
void each(const Shape& shape, const F& f) {
  Sizes at(shape.size(), 0);
  const int64_t count = element_count(shape);
  for (int64_t i = 0; i < count; ++i) {
    f(i, at);
    for (size_t axis = shape.size(); axis-- > 0;) {
      if (++at[axis] < shape[axis]) break;
      at[axis] = 0;
    }
  }
}

// The results of nodes that compute, and of those that move numbers; empty where it is neither.
std::vector<Tensor> numbers(const Node& n);
std::vector<Tensor> layout(const Node& n);

}  // namespace rung::fold
