#include "rung/ops/linear/linear.h"

#include "rung/base/error.h"
#include "rung/ops/check.h"

namespace rung::ops {

std::vector<TensorType> infer(const Linear&, Types in) {
  check_inputs(Linear::kName, in, "x, weight, optional bias", 2, 3);
  check_floating(Linear::kName, in);
  const TensorType& x = in[0];
  const TensorType& weight = in[1];
  check_rank(Linear::kName, "x", x, "[…, I]", 1, SIZE_MAX);
  check_rank(Linear::kName, "weight", weight, "[O, I]", 2, 2);
  if (weight.shape[1] != x.shape.back()) {
    fail_user(
        "Linear: weight {} expects {} features, the last axis of x {} has {}; the second size of "
        "the weight must be that",
        to_string(weight.shape), weight.shape[1], to_string(x), x.shape.back());
  }
  if (in.size() > 2) {
    check_shape(Linear::kName, "bias", in[2], {weight.shape[0]}, "one per output feature");
  }
  Shape shape = x.shape;
  shape.back() = weight.shape[0];
  Roles roles = x.roles;
  if (roles.back() != Role::kChannel) roles.back() = Role::kFeature;
  return output(Linear::kName, x.dtype, std::move(shape), std::move(roles));
}

namespace {

// The leading axes of both, broadcast; roles are a's, and b's where a is shorter.
TensorType leading_axes(const TensorType& a, size_t a_axes, const TensorType& b, size_t b_axes) {
  const auto head = [](const auto& all, size_t axes) {
    return std::decay_t<decltype(all)>(all.begin(), all.begin() + static_cast<ptrdiff_t>(axes));
  };
  try {
    Roles roles = head(a.roles, a_axes);
    if (b_axes > a_axes) {
      const Roles more = head(b.roles, b_axes - a_axes);
      roles.insert(roles.begin(), more.begin(), more.end());
    }
    return {a.dtype, broadcast(head(a.shape, a_axes), head(b.shape, b_axes)), std::move(roles)};
  } catch (const Error&) {
    fail_user("MatMul: the axes of a {} and b {} before the last two must broadcast", to_string(a),
              to_string(b));
  }
}

}  // namespace

std::vector<TensorType> infer(const MatMul&, Types in) {
  check_inputs(MatMul::kName, in, "a, b", 2);
  check_same_dtype(MatMul::kName, in);
  const TensorType& a = in[0];
  const TensorType& b = in[1];
  check_rank(MatMul::kName, "a", a, "[…, M, K] or [K]", 1, SIZE_MAX);
  check_rank(MatMul::kName, "b", b, "[…, K, N] or [K]", 1, SIZE_MAX);
  if (a.dtype == DType::kBool) fail_user("MatMul: works on numbers, a and b are bool; cast them");
  const bool a_vector = a.rank() == 1;
  const bool b_vector = b.rank() == 1;
  const int64_t b_rows = b_vector ? b.shape[0] : b.shape[b.rank() - 2];
  if (a.shape.back() != b_rows) {
    fail_user("MatMul: a {} has {} columns, b {} has {} rows; they must be equal", to_string(a),
              a.shape.back(), to_string(b), b_rows);
  }
  TensorType out = leading_axes(a, a_vector ? 0 : a.rank() - 2, b, b_vector ? 0 : b.rank() - 2);
  if (!a_vector) {
    out.shape.push_back(a.shape[a.rank() - 2]);
    out.roles.push_back(a.roles[a.rank() - 2]);
  }
  if (!b_vector) {
    out.shape.push_back(b.shape.back());
    const bool known = b.roles.back() != Role::kNone;
    const Role of_rows = b.rank() == 2 && b.roles == Roles(2) && a.roles.back() == Role::kNone
                             ? Role::kFeature  // a weight's columns
                             : a.roles.back();
    out.roles.push_back(known ? b.roles.back() : of_rows);
  }
  return output(MatMul::kName, out.dtype, std::move(out.shape), std::move(out.roles));
}

int64_t macs(const Linear&, Types in, Types out) {
  return checked_mul(out[0].elements(), in[0].shape.back());
}
int64_t macs(const MatMul&, Types in, Types out) {
  return checked_mul(out[0].elements(), in[0].shape.back());
}

}  // namespace rung::ops
