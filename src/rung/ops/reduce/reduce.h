#pragma once

#include "rung/ops/fields.h"

namespace rung::ops {

enum class ReduceKind { kSum, kMean, kMax, kMin, kProd, kNorm1, kNorm2, kLogSumExp, kArgMax };
constexpr std::string_view kReduceKindNames[] = {"sum",   "mean",  "amax",        "amin",   "prod",
                                                 "norm1", "norm2", "log_sum_exp", "arg_max"};
constexpr std::span<const std::string_view> names(ReduceKind) { return kReduceKindNames; }

/// Folds axes.  input  x;  output  x without those axes (size 1 where keep_axes). Roles follow.
/// No axes: all of them. kNorm2 is the square root of the sum of squares; kArgMax gives i64 and
/// takes one axis; sums and products of whole numbers are i64; means, norms and logarithms need
/// floating ones.
struct Reduce {
  static constexpr std::string_view kName = "Reduce";
  ReduceKind kind = ReduceKind::kMean;
  Sizes axes;
  bool keep_axes = false;
  static constexpr auto fields() {
    return std::make_tuple(field("kind", &Reduce::kind), field("axes", &Reduce::axes),
                           field("keep_axes", &Reduce::keep_axes));
  }
  bool operator==(const Reduce&) const = default;
};

/// exp(x) / Σ exp(x) along an axis (its logarithm where `log`), torch.softmax.  output as x
struct Softmax {
  static constexpr std::string_view kName = "Softmax";
  int64_t axis = 1;
  bool log = false;
  static constexpr auto fields() {
    return std::make_tuple(field("axis", &Softmax::axis), field("log", &Softmax::log));
  }
  bool operator==(const Softmax&) const = default;
};

std::vector<TensorType> infer(const Reduce&, Types in);
std::vector<TensorType> infer(const Softmax&, Types in);
int64_t macs(const Reduce&, Types in, Types out);
int64_t macs(const Softmax&, Types in, Types out);

}  // namespace rung::ops
