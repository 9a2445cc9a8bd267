#include "rung/io/onnx/fold.h"

#include <algorithm>

#include "rung/io/onnx/fold_node.h"

namespace rung {
namespace fold {

Tensor made(DType dtype, const Shape& shape) {
  if (element_count(shape) > kLargest) {
    fail_unsupported("{} numbers that are worked out in advance", element_count(shape));
  }
  return Tensor(dtype, shape);
}

Sizes list(const Tensor& t) {
  Sizes out;
  for (int64_t i = 0; i < t.elements(); ++i) out.push_back(t.integer(i));
  return out;
}

Sizes strides_of(const Shape& shape) {
  Sizes out(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;) out[i - 1] = out[i] * shape[i];
  return out;
}

int64_t broadcast_place(const Sizes& at, const Shape& shape, const Sizes& strides) {
  int64_t place = 0;
  const size_t front = at.size() - shape.size();
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] != 1) place += at[front + i] * strides[i];
  }
  return place;
}

Tensor with_shape(const Tensor& x, const Shape& shape) {
  if (element_count(shape) != x.elements()) {
    fail_user("{} elements do not fit {}", x.elements(), to_string(shape));
  }
  return Tensor(x.dtype(), shape, x.storage());
}
Sizes axes_of(const Node& n, size_t input, size_t rank) {
  Sizes axes = n.given(input) ? list(n.in[input]) : n.attribute<Sizes>("axes", {});
  for (auto& axis : axes) axis = static_cast<int64_t>(resolve_axis(axis, rank));
  std::sort(axes.begin(), axes.end());
  return axes;
}

}  // namespace fold

std::optional<std::vector<Tensor>> fold_onnx(std::string_view name,
                                             const ops::OnnxAttributes& attributes,
                                             const std::vector<Tensor>& in, size_t outputs) {
  if (in.empty()) return std::nullopt;
  const fold::Node node{name, attributes, in, outputs};
  for (const auto function : {fold::layout, fold::numbers}) {
    if (auto results = function(node); !results.empty()) return results;
  }
  return std::nullopt;
}

}  // namespace rung
