#include "rung/ops/norm/norm.h"

#include <fmt/format.h>

#include <cmath>

#include "rung/base/error.h"
#include "rung/ops/check.h"

namespace rung::ops {

namespace {

using Names = std::vector<std::string_view>;

Names affine_names(bool affine) { return affine ? Names{"weight", "bias"} : Names{}; }

// x, then tensors of these names.
void check_operands(std::string_view op, Types in, const Names& others) {
  std::string what = "x";
  for (const std::string_view other : others) what += fmt::format(", {}", other);
  check_inputs(op, in, what, 1 + others.size());
  check_floating(op, in);
}

// x [N, C, …], then tensors [C] of these names.
void check_channel_operands(std::string_view op, Types in, const Names& others, size_t min_rank) {
  check_operands(op, in, others);
  const TensorType& x = in[0];
  check_rank(op, "x", x, min_rank == 2 ? "[N, C, …]" : "[N, C, S…]", min_rank, SIZE_MAX);
  for (size_t i = 0; i < others.size(); ++i) {
    check_shape(op, others[i], in[i + 1], {x.shape[1]},
                fmt::format("one per channel of x {}", to_string(x)));
  }
}

// The negated comparison refuses NaN too.
void check_eps(std::string_view op, double eps) {
  if (!(eps >= 0) || std::isinf(eps)) {
    fail_user("{}: eps {} must be a finite number, at least 0", op, eps);
  }
}

}  // namespace

std::vector<TensorType> infer(const BatchNorm& op, Types in) {
  Names others = affine_names(op.affine);
  if (op.track) others.insert(others.end(), {"running_mean", "running_var"});
  check_channel_operands(BatchNorm::kName, in, others, 2);
  check_eps(BatchNorm::kName, op.eps);
  if (!(op.momentum >= 0 && op.momentum <= 1)) {
    fail_user("BatchNorm: momentum {} must lie between 0 and 1", op.momentum);
  }
  return {in[0]};
}

std::vector<TensorType> infer(const LayerNorm& op, Types in) {
  const Names others = affine_names(op.affine);
  check_operands(LayerNorm::kName, in, others);
  const TensorType& x = in[0];
  if (op.axes < 1 || op.axes > static_cast<int64_t>(x.rank())) {
    fail_user("LayerNorm: axes {} must lie between 1 and the rank of x {}", op.axes, to_string(x));
  }
  const Shape normalized(x.shape.end() - op.axes, x.shape.end());
  for (size_t i = 0; i < others.size(); ++i) {
    check_shape(LayerNorm::kName, others[i], in[i + 1], normalized,
                fmt::format("the last {} axes of x {}", op.axes, to_string(x)));
  }
  check_eps(LayerNorm::kName, op.eps);
  TensorType out = x;
  if (op.axes == 1 && out.roles.back() == Role::kNone) out.roles.back() = Role::kFeature;
  return {out};
}

std::vector<TensorType> infer(const GroupNorm& op, Types in) {
  check_channel_operands(GroupNorm::kName, in, affine_names(op.affine), 2);
  const TensorType& x = in[0];
  if (op.groups < 1 || x.shape[1] % op.groups != 0) {
    fail_user("GroupNorm: groups {} must be at least 1 and divide the {} channels of x {}",
              op.groups, x.shape[1], to_string(x));
  }
  check_eps(GroupNorm::kName, op.eps);
  return {x};
}

std::vector<TensorType> infer(const InstanceNorm& op, Types in) {
  check_channel_operands(InstanceNorm::kName, in, affine_names(op.affine), 3);
  check_eps(InstanceNorm::kName, op.eps);
  return {in[0]};
}

int64_t macs(const BatchNorm&, Types, Types) { return 0; }
int64_t macs(const LayerNorm&, Types, Types) { return 0; }
int64_t macs(const GroupNorm&, Types, Types) { return 0; }
int64_t macs(const InstanceNorm&, Types, Types) { return 0; }

}  // namespace rung::ops
