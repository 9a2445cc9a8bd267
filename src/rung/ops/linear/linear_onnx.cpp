#include <algorithm>
#include <map>

#include "rung/base/error.h"
#include "rung/ops/linear/contraction_onnx.h"

namespace rung::ops {
namespace {

Ref scaled(OnnxCall& call, Ref x, double factor) {
  return factor == 1 ? x : call.with_number(BinaryFn::kMul, x, factor);
}

// alpha · A' B' + beta · C, where ' transposes if asked to
OnnxResult gemm(OnnxCall& call) {
  Ref a = call.tensor(0), b = call.tensor(1);
  const double alpha = call.number("alpha", 1), beta = call.number("beta", 1);
  const bool turn_b = call.integer("transB", 0) != 0;
  if (call.integer("transA", 0) != 0) a = call.add(Transpose{.order = {1, 0}}, {a});
  const bool bias = call.given(2);
  // The layer that PyTorch writes this way.
  if (turn_b && alpha == 1 && (!bias || (beta == 1 && call.rank(2) == 1)) &&
      is_floating(call.type(a).dtype)) {
    const bool fits = !bias || call.type(call.tensor(2)).shape[0] == call.type(b).shape[0];
    if (fits) {
      std::vector<Ref> in{a, b};
      if (bias) in.push_back(call.tensor(2));
      return {call.add(Linear{}, in)};
    }
  }
  if (turn_b) b = call.add(Transpose{.order = {1, 0}}, {b});
  const Ref y = scaled(call, call.add(MatMul{}, {a, b}), alpha);
  return {bias ? call.binary(BinaryFn::kAdd, y, scaled(call, call.tensor(2), beta)) : y};
}

/// The weight [O, I] of which this is the transpose.
std::optional<Ref> transposed_weight(OnnxCall& call, Ref ref) {
  const Maker made = call.maker_of(ref);
  const auto* transpose = std::get_if<Transpose>(&made.op);
  if (transpose == nullptr || transpose->order != Sizes{1, 0}) return std::nullopt;
  const Maker from = call.maker_of(made.inputs[0]);
  if (!std::holds_alternative<Param>(from.op)) return std::nullopt;
  return made.inputs[0];
}

// What PyTorch writes of a linear layer on more than two axes is that layer again.
OnnxResult matmul(OnnxCall& call) {
  const Ref x = call.tensor(0);
  auto weight = call.turned_weight(1);
  if (!weight && is_floating(call.type(x).dtype)) {
    weight = transposed_weight(call, call.tensor(1));
  }
  if (weight) return {call.add(Linear{}, {x, *weight})};
  return {call.add(MatMul{}, {x, call.tensor(1)})};
}

OnnxResult einsum(OnnxCall& call) {
  std::string equation;
  for (const char c : call.text("equation")) {
    if (c != ' ') equation += c;
  }
  if (const auto product = contraction(call, equation)) return {*product};
  // The sizes of the result, letter by letter; the graph holds at these.
  std::map<char, Dim> sizes;
  std::vector<Ref> in;
  size_t at = 0;
  Dims ellipsis;
  const auto arrow = equation.find("->");
  const std::string left = equation.substr(0, arrow);
  for (size_t i = 0; i < call.size(); ++i) {
    in.push_back(call.tensor(i));
    const Dims dims = call.sizes(i);
    std::string letters;
    for (; at < left.size() && left[at] != ','; ++at) letters += left[at];
    ++at;
    const auto dots = letters.find("...");
    const size_t named = letters.size() - (dots == std::string::npos ? 0 : 3);
    if (named > dims.size() || (dots == std::string::npos && named != dims.size())) {
      fail_user("Einsum '{}' and a tensor with {} axes", equation, dims.size());
    }
    for (size_t k = 0, axis = 0; k < letters.size(); ++axis) {
      if (k == dots) {
        const size_t count = dims.size() - named;
        const Dims part(dims.begin() + static_cast<int64_t>(axis),
                        dims.begin() + static_cast<int64_t>(axis + count));
        if (part.size() > ellipsis.size()) ellipsis = part;
        axis += count;
        --axis;
        k += 3;
      } else {
        sizes[letters[k++]] = dims.at(axis);
      }
    }
  }
  std::string right;
  if (arrow != std::string::npos) {
    right = equation.substr(arrow + 2);
  } else {  // letters that stand once, in the alphabet's order
    for (const auto& [letter, size] : sizes) {
      if (std::count(left.begin(), left.end(), letter) == 1) right += letter;
    }
    if (left.find("...") != std::string::npos) right = "..." + right;
  }
  Shape shape;
  for (size_t k = 0; k < right.size();) {
    if (right[k] == '.') {
      for (const Dim& size : ellipsis) shape.push_back(size.value());
      k += 3;
    } else {
      const auto found = sizes.find(right[k++]);
      if (found == sizes.end()) fail_user("Einsum '{}' gives a letter that nothing has", equation);
      shape.push_back(found->second.value());
    }
  }
  const DType dtype = call.type(in.at(0)).dtype;
  return Aten(call, "aten::einsum(str equation, Tensor[] tensors, *, int[]? path=None) -> Tensor")
      .text(equation)
      .inputs(in)
      .none()
      .give({TensorType(dtype, shape)});
}

OnnxResult det(OnnxCall& call) {
  TensorType type = call.type(call.tensor(0));
  if (type.rank() < 2) fail_user("Det of {} axes", type.rank());
  type = TensorType(type.dtype, Shape(type.shape.begin(), type.shape.end() - 2));
  return Aten(call, "aten::det(Tensor self) -> Tensor").input(call.tensor(0)).give({type});
}

constexpr OnnxEntry kLinearRules[] = {
    {"Det", det},
    {"Einsum", einsum},
    {"Gemm", gemm},
    {"MatMul", matmul},
};

}  // namespace

OnnxRules linear_onnx() { return kLinearRules; }

}  // namespace rung::ops
