#include "rung/base/error.h"
#include "rung/ops/torchscript.h"

namespace rung::ops {
namespace {

/// x with weight and bias; nothing where there is only one of the two.
std::optional<std::vector<Ref>> operands(AtenCall& call, size_t weight) {
  std::vector<Ref> in{call.tensor(0)};
  if (call.given(weight) != call.given(weight + 1)) return std::nullopt;
  if (call.given(weight)) {
    in.push_back(call.tensor(weight));
    in.push_back(call.tensor(weight + 1));
  }
  return in;
}

// input, weight, bias, running_mean, running_var, training, momentum, eps, …
AtenResult batch_norm(AtenCall& call) {
  auto in = operands(call, 1);
  if (!in) return std::nullopt;
  const bool track = call.given(3) && call.given(4) && !call.flag(5);
  if (track) {
    // LibTorch's modules say in evaluation that nothing is added where they mean the mean of all.
    if (call.number(6) == 0) {
      fail_unsupported(
          "a batch norm that keeps the mean of all batches (momentum = nullopt) cannot be traced; "
          "give it a momentum, such as 0.1");
    }
    in->push_back(call.tensor(3));
    in->push_back(call.tensor(4));
  }
  return {{call.add(BatchNorm{.eps = call.number(7),
                              .momentum = call.number(6),
                              .affine = call.given(1),
                              .track = track},
                    *in)}};
}

// input, normalized_shape, weight, bias, eps, …
AtenResult layer_norm(AtenCall& call) {
  const auto in = operands(call, 2);
  if (!in) return std::nullopt;
  const auto axes = static_cast<int64_t>(call.integers(1).size());
  return {
      {call.add(LayerNorm{.axes = axes, .eps = call.number(4), .affine = in->size() > 1}, *in)}};
}

// input, groups, weight, bias, eps, …
AtenResult group_norm(AtenCall& call) {
  const auto in = operands(call, 2);
  if (!in) return std::nullopt;
  return {{call.add(
      GroupNorm{.groups = call.integer(1), .eps = call.number(4), .affine = in->size() > 1}, *in)}};
}

// input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps, …
AtenResult instance_norm(AtenCall& call) {
  const auto in = operands(call, 1);
  if (!in || !call.flag(5) || call.given(3)) return std::nullopt;
  return {{call.add(InstanceNorm{.eps = call.number(7), .affine = in->size() > 1}, *in)}};
}

constexpr AtenEntry kNormRules[] = {
    {"aten::batch_norm", batch_norm},
    {"aten::layer_norm", layer_norm},
    {"aten::group_norm", group_norm},
    {"aten::instance_norm", instance_norm},
};

}  // namespace

AtenRules norm_rules() { return kNormRules; }

}  // namespace rung::ops
