#include "rung/io/onnx/given_numbers.h"

#include <algorithm>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/ops/onnx.h"

namespace rung::onnx_import {
namespace {

/// The shape of the input, its free sizes filled where only one is; none where it does not say.
std::optional<Shape> shape_for(const onnx::ValueInfoProto& input, const Tensor& numbers) {
  const auto& type = input.type().tensor_type();
  if (!type.has_shape()) return std::nullopt;
  Shape shape;
  int64_t known = 1;
  std::vector<size_t> free;
  for (const auto& dim : type.shape().dim()) {
    if (!dim.has_dim_value()) free.push_back(shape.size());
    shape.push_back(dim.has_dim_value() ? dim.dim_value() : 1);
    known *= shape.back();
  }
  if (numbers.shape().size() == shape.size() && !free.empty()) return numbers.shape();
  if (free.size() == 1 && known > 0) shape[free[0]] = numbers.elements() / known;
  return shape;
}

Tensor as_input(const Tensor& numbers, const onnx::ValueInfoProto& input) {
  const auto dtype = ops::dtype_from_onnx(input.type().tensor_type().elem_type());
  if (!input.type().has_tensor_type() || !dtype) return numbers;  // refused when the node is read
  const Shape shape = shape_for(input, numbers).value_or(numbers.shape());
  if (element_count(shape) != numbers.elements()) {
    fail_user("the input {} is {}{}, and {} number(s) are given", quoted(input.name()),
              name(*dtype), to_string(shape), numbers.elements());
  }
  Tensor out(*dtype, shape, allocate(static_cast<size_t>(element_count(shape) * size_of(*dtype))));
  if (numbers.dtype() == *dtype) {
    return Tensor(*dtype, shape, numbers.clone().storage());
  }
  for (int64_t i = 0; i < numbers.elements(); ++i) {
    const double value = numbers.at(i);
    if (!is_floating(*dtype) && !(value > -9.2e18 && value < 9.2e18)) {
      fail_user("the input {} is {}, which does not hold {}", quoted(input.name()), name(*dtype),
                value);
    }
    out.set(i, value);
    if (!is_floating(*dtype) && out.at(i) != value) {
      fail_user("the input {} is {}, which does not hold {}", quoted(input.name()), name(*dtype),
                value);
    }
  }
  return out;
}

}  // namespace

Numbers numbers_of_inputs(const Numbers& numbers, const onnx::GraphProto& graph) {
  Numbers out;
  for (const auto& [name, given] : numbers) {
    const auto found = std::find_if(graph.input().begin(), graph.input().end(),
                                    [&](const auto& input) { return input.name() == name; });
    if (found != graph.input().end()) {
      out[name] = as_input(given, *found);
      continue;
    }
    std::vector<std::string> names;
    for (const auto& input : graph.input()) names.push_back(input.name());
    fail_user("a number is given for {}, which is no input; the inputs are {}", quoted(name),
              rung::join(names, ", "));
  }
  return out;
}

}  // namespace rung::onnx_import
