#pragma once

#include "rung/ops/fields.h"

namespace rung::ops {

enum class UnaryFn {
  kRelu,
  kRelu6,
  kSigmoid,
  kTanh,
  kSilu,
  kMish,
  kHardSwish,
  kHardSigmoid,
  kSelu,
  kSoftsign,
  kLogSigmoid,
  kExp,
  kLog,
  kLog1p,
  kSqrt,
  kRsqrt,
  kSquare,
  kReciprocal,
  kAbs,
  kNeg,
  kSign,
  kErf,
  kSin,
  kCos,
  kTan,
  kAtan,
  kFloor,
  kCeil,
  kRound,
  kLogicalNot,
};
constexpr std::string_view kUnaryFnNames[] = {
    "relu",      "relu6",       "sigmoid", "tanh",     "silu",        "mish",
    "hardswish", "hardsigmoid", "selu",    "softsign", "log_sigmoid", "exp",
    "log",       "log1p",       "sqrt",    "rsqrt",    "square",      "reciprocal",
    "abs",       "neg",         "sign",    "erf",      "sin",         "cos",
    "tan",       "atan",        "floor",   "ceil",     "round",       "logical_not"};
constexpr std::span<const std::string_view> names(UnaryFn) { return kUnaryFnNames; }

/// One function on every element, torch's of that name.  input  x;  output as x (bool for
/// kLogicalNot). Whole numbers are taken where the function keeps them whole.
struct Unary {
  static constexpr std::string_view kName = "Unary";
  UnaryFn fn = UnaryFn::kRelu;
  static constexpr auto fields() { return std::make_tuple(field("fn", &Unary::fn)); }
  bool operator==(const Unary&) const = default;
};

/// x where x > 0, else slope · x.
struct LeakyRelu {
  static constexpr std::string_view kName = "LeakyRelu";
  double slope = 0.01;
  static constexpr auto fields() { return std::make_tuple(field("slope", &LeakyRelu::slope)); }
  bool operator==(const LeakyRelu&) const = default;
};

/// x where x > 0, else alpha · (exp(x) - 1).
struct Elu {
  static constexpr std::string_view kName = "Elu";
  double alpha = 1;
  static constexpr auto fields() { return std::make_tuple(field("alpha", &Elu::alpha)); }
  bool operator==(const Elu&) const = default;
};

/// x · Φ(x); with `tanh`, its usual approximation.
struct Gelu {
  static constexpr std::string_view kName = "Gelu";
  bool tanh = false;
  static constexpr auto fields() { return std::make_tuple(field("tanh", &Gelu::tanh)); }
  bool operator==(const Gelu&) const = default;
};

/// log(1 + exp(beta · x)) / beta, and x itself where beta · x > threshold.
struct Softplus {
  static constexpr std::string_view kName = "Softplus";
  double beta = 1;
  double threshold = 20;
  static constexpr auto fields() {
    return std::make_tuple(field("beta", &Softplus::beta),
                           field("threshold", &Softplus::threshold));
  }
  bool operator==(const Softplus&) const = default;
};

/// min(max(x, low), high); either bound may be missing.
struct Clamp {
  static constexpr std::string_view kName = "Clamp";
  std::optional<double> low;
  std::optional<double> high;
  static constexpr auto fields() {
    return std::make_tuple(field("low", &Clamp::low), field("high", &Clamp::high));
  }
  bool operator==(const Clamp&) const = default;
};

/// LeakyRelu with learned slopes.  inputs  x [N, C, …], slope [1] or [C].
struct PRelu {
  static constexpr std::string_view kName = "PRelu";
  static constexpr auto fields() { return std::tuple<>(); }
  bool operator==(const PRelu&) const = default;
};

std::vector<TensorType> infer(const Unary&, Types in);
std::vector<TensorType> infer(const LeakyRelu&, Types in);
std::vector<TensorType> infer(const Elu&, Types in);
std::vector<TensorType> infer(const Gelu&, Types in);
std::vector<TensorType> infer(const Softplus&, Types in);
std::vector<TensorType> infer(const Clamp&, Types in);
std::vector<TensorType> infer(const PRelu&, Types in);
int64_t macs(const Unary&, Types in, Types out);
int64_t macs(const LeakyRelu&, Types in, Types out);
int64_t macs(const Elu&, Types in, Types out);
int64_t macs(const Gelu&, Types in, Types out);
int64_t macs(const Softplus&, Types in, Types out);
int64_t macs(const Clamp&, Types in, Types out);
int64_t macs(const PRelu&, Types in, Types out);

}  // namespace rung::ops
