#include "rung/base/error.h"
#include "rung/ops/onnx.h"

namespace rung::ops {
namespace {

/// Before opset 7, `broadcast` with `axis` laid the second operand along axes of the first.
Ref second(OnnxCall& call, Ref a) {
  Ref b = call.tensor(1);
  if (call.integer("broadcast", 0) == 0 || !call.has("axis")) return b;
  const size_t axis = resolve_axis(call.integer("axis"), call.type(a).rank());
  Sizes behind;
  for (size_t i = axis + call.type(b).rank(); i < call.type(a).rank(); ++i) {
    behind.push_back(static_cast<int64_t>(i - axis));
  }
  return behind.empty() ? b : call.add(Unsqueeze{.axes = behind}, {b});
}

template <BinaryFn Fn>
OnnxResult binary(OnnxCall& call) {
  const Ref a = call.tensor(0);
  return {call.binary(Fn, a, second(call, a))};
}

/// x Wᵀ + bias as one layer, where that is what the two make.
std::optional<Ref> linear_with_bias(OnnxCall& call, Ref product, Ref bias) {
  const Maker layer = call.maker_of(product);
  if (!std::holds_alternative<Linear>(layer.op) || layer.inputs.size() != 2) return std::nullopt;
  const TensorType& type = call.type(bias);
  const bool fits = std::holds_alternative<Param>(call.maker_of(bias).op) && type.rank() == 1 &&
                    type.shape[0] == call.type(product).shape.back();
  if (!fits) return std::nullopt;
  return call.add(Linear{}, {layer.inputs[0], layer.inputs[1], bias});
}

OnnxResult add(OnnxCall& call) {
  const Ref a = call.tensor(0), b = second(call, a);
  if (const auto layer = linear_with_bias(call, a, b)) return {*layer};
  if (const auto layer = linear_with_bias(call, b, a)) return {*layer};
  return {call.binary(BinaryFn::kAdd, a, b)};
}

/// An ATen operator of two tensors that keeps the sizes of their broadcast.
Ref aten_binary(OnnxCall& call, const char* schema, Ref a, Ref b) {
  // The sum has the broadcast's sizes, which the result then is like; it costs a pass, and only
  // where the two differ.
  const bool same = call.type(a).shape == call.type(b).shape;
  if (!same && call.type(b).rank() > 0) {
    a = call.add(Binary{BinaryFn::kAdd}, {a, call.add(FullLike{}, {b})});
  }
  return Aten(call, schema).input(a).input(b).like();
}

OnnxResult div(OnnxCall& call) {
  const Ref a = call.tensor(0), b = second(call, a);
  if (is_floating(call.type(a).dtype)) return {call.binary(BinaryFn::kDiv, a, b)};
  Ref x = a;
  if (call.type(b).rank() > 0 && call.type(a).shape != call.type(b).shape) {
    x = call.add(Binary{BinaryFn::kAdd}, {a, call.add(FullLike{}, {b})});
  }
  constexpr const char* kSchema =
      "aten::div.Tensor_mode(Tensor self, Tensor other, *, str? rounding_mode) -> Tensor";
  return {Aten(call, kSchema).input(x).input(b).text("trunc").like()};
}

OnnxResult mod(OnnxCall& call) {
  const Ref a = call.tensor(0), b = call.tensor(1);
  if (call.integer("fmod", 0) == 0) return {call.binary(BinaryFn::kRemainder, a, b)};
  return {aten_binary(call, "aten::fmod.Tensor(Tensor self, Tensor other) -> Tensor", a, b)};
}

// The result has the base's type.
OnnxResult pow(OnnxCall& call) {
  const Ref a = call.tensor(0), b = second(call, a);
  const DType dtype = call.type(a).dtype;
  if (call.known(1) && is_floating(dtype)) {
    const Tensor exponent = call.constant(1);
    if (exponent.elements() == 1 && exponent.at(0) == 2 && exponent.shape().empty()) {
      return {call.unary(UnaryFn::kSquare, a)};
    }
  }
  if (is_floating(dtype) || !is_floating(call.type(b).dtype)) {
    return {call.binary(BinaryFn::kPow, a, b)};
  }
  const Ref power = call.add(Binary{BinaryFn::kPow}, {call.cast(a, call.type(b).dtype), b});
  return {call.cast(power, dtype)};
}

template <BinaryFn Fn>
OnnxResult fold(OnnxCall& call) {
  Ref out = call.tensor(0);
  for (size_t i = 1; i < call.size(); ++i) out = call.binary(Fn, out, call.tensor(i));
  return {out};
}

OnnxResult mean(OnnxCall& call) {
  const Ref sum = fold<BinaryFn::kAdd>(call)[0];
  if (call.size() == 1) return {sum};
  return {call.with_number(BinaryFn::kDiv, sum, static_cast<double>(call.size()))};
}

OnnxResult where(OnnxCall& call) {
  return {call.add(Where{}, {call.tensor(0), call.tensor(1), call.tensor(2)})};
}

template <const char* const& Schema>
OnnxResult bitwise(OnnxCall& call) {
  return {aten_binary(call, Schema, call.tensor(0), call.tensor(1))};
}
constexpr const char* kAnd = "aten::bitwise_and.Tensor(Tensor self, Tensor other) -> Tensor";
constexpr const char* kOr = "aten::bitwise_or.Tensor(Tensor self, Tensor other) -> Tensor";
constexpr const char* kXor = "aten::bitwise_xor.Tensor(Tensor self, Tensor other) -> Tensor";
constexpr const char* kLeft =
    "aten::bitwise_left_shift.Tensor(Tensor self, Tensor other) -> Tensor";
constexpr const char* kRight =
    "aten::bitwise_right_shift.Tensor(Tensor self, Tensor other) -> Tensor";

OnnxResult shift(OnnxCall& call) {
  const std::string direction = call.text("direction");
  if (direction != "LEFT" && direction != "RIGHT") {
    fail_user("attribute direction is '{}'; it is LEFT or RIGHT", direction);
  }
  return direction == "LEFT" ? bitwise<kLeft>(call) : bitwise<kRight>(call);
}

constexpr OnnxEntry kElementwiseRules[] = {
    {"Add", add},
    {"Sub", binary<BinaryFn::kSub>},
    {"Mul", binary<BinaryFn::kMul>},
    {"Div", div},
    {"Mod", mod},
    {"Pow", pow},
    {"Min", fold<BinaryFn::kMin>},
    {"Max", fold<BinaryFn::kMax>},
    {"Sum", fold<BinaryFn::kAdd>},
    {"Mean", mean},
    {"Equal", binary<BinaryFn::kEqual>},
    {"Less", binary<BinaryFn::kLess>},
    {"LessOrEqual", binary<BinaryFn::kLessEqual>},
    {"Greater", binary<BinaryFn::kGreater>},
    {"GreaterOrEqual", binary<BinaryFn::kGreaterEqual>},
    {"And", binary<BinaryFn::kAnd>},
    {"Or", binary<BinaryFn::kOr>},
    {"Xor", binary<BinaryFn::kXor>},
    {"Where", where},
    {"BitwiseAnd", bitwise<kAnd>},
    {"BitwiseOr", bitwise<kOr>},
    {"BitwiseXor", bitwise<kXor>},
    {"BitShift", shift},
};

}  // namespace

OnnxRules elementwise_onnx() { return kElementwiseRules; }

}  // namespace rung::ops
