#pragma once

#include "rung/ops/fields.h"

namespace rung::ops {

/// y = x Wᵀ + b over the last axis, torch.nn.Linear.
///   inputs  x […, I], weight [O, I], optional bias [O];  output […, O]
/// The last axis becomes (or stays) a feature axis, unless it is a channel axis.
struct Linear {
  static constexpr std::string_view kName = "Linear";
  static constexpr auto fields() { return std::tuple<>(); }
  bool operator==(const Linear&) const = default;
};

/// Matrix product with NumPy's broadcasting over the leading axes, torch.matmul.
///   inputs  a […, M, K], b […, K, N] (either may be a vector [K]);  output […, M, N]
/// Roles come from a, the last one from b where b's is known.
struct MatMul {
  static constexpr std::string_view kName = "MatMul";
  static constexpr auto fields() { return std::tuple<>(); }
  bool operator==(const MatMul&) const = default;
};

std::vector<TensorType> infer(const Linear&, Types in);
std::vector<TensorType> infer(const MatMul&, Types in);
int64_t macs(const Linear&, Types in, Types out);
int64_t macs(const MatMul&, Types in, Types out);

}  // namespace rung::ops
