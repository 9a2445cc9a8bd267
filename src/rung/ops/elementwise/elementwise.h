#pragma once

#include "rung/ops/fields.h"

namespace rung::ops {

enum class BinaryFn {
  kAdd,
  kSub,
  kMul,
  kDiv,
  kPow,
  kMin,
  kMax,
  kRemainder,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kAnd,
  kOr,
  kXor,
};
constexpr std::string_view kBinaryFnNames[] = {
    "add",     "sub",           "mul",   "div",       "pow",  "min",
    "max",     "remainder",     "equal", "not_equal", "less", "less_equal",
    "greater", "greater_equal", "and",   "or",        "xor"};
constexpr std::span<const std::string_view> names(BinaryFn) { return kBinaryFnNames; }
/// Whether the result is bool.
constexpr bool is_predicate(BinaryFn fn) { return fn >= BinaryFn::kEqual; }

/// One function on two tensors, with broadcasting, torch's of that name.  inputs  a, b of one
/// dtype;  output  broadcast shape; bool for comparisons and logic, f32 for quotients of whole
/// numbers. Roles of the input that has the output's rank (a's, where both do and a's are known).
struct Binary {
  static constexpr std::string_view kName = "Binary";
  BinaryFn fn = BinaryFn::kAdd;
  static constexpr auto fields() { return std::make_tuple(field("fn", &Binary::fn)); }
  bool operator==(const Binary&) const = default;
};

/// a where the condition holds, else b, with broadcasting.  inputs  condition (bool), a, b.
struct Where {
  static constexpr std::string_view kName = "Where";
  static constexpr auto fields() { return std::tuple<>(); }
  bool operator==(const Where&) const = default;
};

std::vector<TensorType> infer(const Binary&, Types in);
std::vector<TensorType> infer(const Where&, Types in);
int64_t macs(const Binary&, Types in, Types out);
int64_t macs(const Where&, Types in, Types out);

}  // namespace rung::ops
