#include "rung/ops/torchscript.h"

namespace rung::ops {
namespace {

// input, weight, bias
AtenResult linear(AtenCall& call) {
  std::vector<Ref> in{call.tensor(0), call.tensor(1)};
  if (call.type(in[1]).rank() != 2) return std::nullopt;
  if (call.given(2)) in.push_back(call.tensor(2));
  return {{call.add(Linear{}, in)}};
}

AtenResult matmul(AtenCall& call) {
  return {{call.add(MatMul{}, {call.tensor(0), call.tensor(1)})}};
}

// beta · input + alpha · (a b)
AtenResult addmm(AtenCall& call) {
  if (call.number(3) != 1 || call.number(4) != 1) return std::nullopt;
  const Ref product = call.add(MatMul{}, {call.tensor(1), call.tensor(2)});
  return {{call.add(Binary{BinaryFn::kAdd}, {product, call.tensor(0)})}};
}

constexpr AtenEntry kLinearRules[] = {
    {"aten::linear", linear}, {"aten::matmul", matmul}, {"aten::mm", matmul},
    {"aten::bmm", matmul},    {"aten::mv", matmul},     {"aten::addmm", addmm},
    {"aten::baddbmm", addmm},
};

}  // namespace

AtenRules linear_rules() { return kLinearRules; }

}  // namespace rung::ops
