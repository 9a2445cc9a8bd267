#include "rung/ops/elementwise/elementwise.h"

#include <algorithm>

#include "rung/base/error.h"
#include "rung/ops/check.h"

namespace rung::ops {

namespace {

/// Of the inputs that have the output's rank, the first whose role is known, axis by axis.
Roles merged_roles(Types in, size_t rank) {
  Roles roles(rank, Role::kNone);
  for (const TensorType& type : in) {
    if (type.rank() != rank) continue;
    for (size_t i = 0; i < rank; ++i) {
      if (roles[i] == Role::kNone) roles[i] = type.roles[i];
    }
  }
  return roles;
}

void check_function(BinaryFn fn, std::string_view name, const TensorType& a) {
  const bool needs_numbers =
      fn == BinaryFn::kSub || fn == BinaryFn::kPow || fn == BinaryFn::kRemainder;
  if (needs_numbers && a.dtype == DType::kBool) {
    fail_user("{}: works on numbers, a and b are bool; cast them", name);
  }
}

DType result_dtype(BinaryFn fn, DType in) {
  if (is_predicate(fn)) return DType::kBool;
  return fn == BinaryFn::kDiv && !is_floating(in) ? DType::kF32 : in;
}

}  // namespace

std::vector<TensorType> infer(const Binary& op, Types in) {
  const auto name = names(op.fn)[static_cast<size_t>(op.fn)];
  check_inputs(name, in, "a, b", 2);
  check_same_dtype(name, in);
  check_function(op.fn, name, in[0]);
  Shape shape = broadcast_inputs(name, in[0].shape, in[1].shape);
  Roles roles = merged_roles(in, shape.size());
  return output(name, result_dtype(op.fn, in[0].dtype), std::move(shape), std::move(roles));
}

std::vector<TensorType> infer(const Where&, Types in) {
  check_inputs(Where::kName, in, "condition, a, b", 3);
  if (in[0].dtype != DType::kBool) {
    fail_user("Where: the condition must be bool, it is {}; compare or cast it", to_string(in[0]));
  }
  check_same_dtype(Where::kName, in.subspan(1));
  Shape shape = broadcast_inputs(Where::kName, in[1].shape, in[2].shape);
  shape = broadcast_inputs(Where::kName, in[0].shape, shape);
  const TensorType by_meaning[] = {in[1], in[2], in[0]};
  Roles roles = merged_roles(by_meaning, shape.size());
  return output(Where::kName, in[1].dtype, std::move(shape), std::move(roles));
}

int64_t macs(const Binary&, Types, Types) { return 0; }
int64_t macs(const Where&, Types, Types) { return 0; }

}  // namespace rung::ops
