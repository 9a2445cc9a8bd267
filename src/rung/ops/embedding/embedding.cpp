#include "rung/ops/embedding/embedding.h"

#include "rung/base/error.h"
#include "rung/ops/check.h"

namespace rung::ops {

namespace {

void check_indices(std::string_view op, const TensorType& indices) {
  if (is_floating(indices.dtype) || indices.dtype == DType::kBool) {
    fail_user("{}: indices must be whole numbers, they are {}; cast them", op, to_string(indices));
  }
}

/// (batch, time) of the indices; what a rank of 2 alone would call a feature is the time here.
Roles token_roles(const TensorType& indices) {
  Roles roles = indices.roles;
  if (roles.size() == 2 && roles[0] == Role::kNone) roles[0] = Role::kBatch;
  if (roles.size() == 2 && roles[1] == Role::kNone) roles[1] = Role::kTime;
  for (Role& role : roles) {
    if (role == Role::kFeature) role = Role::kTime;
  }
  return roles;
}

}  // namespace

std::vector<TensorType> infer(const Embedding&, Types in) {
  check_inputs(Embedding::kName, in, "indices, weight", 2);
  check_indices(Embedding::kName, in[0]);
  check_rank(Embedding::kName, "weight", in[1], "[V, F]", 2, 2);
  Shape shape = in[0].shape;
  shape.push_back(in[1].shape[1]);
  Roles roles = token_roles(in[0]);
  roles.push_back(Role::kFeature);
  return output(Embedding::kName, in[1].dtype, std::move(shape), std::move(roles));
}

std::vector<TensorType> infer(const Gather& op, Types in) {
  check_inputs(Gather::kName, in, "x, indices", 2);
  const TensorType& x = in[0];
  const TensorType& indices = in[1];
  check_indices(Gather::kName, indices);
  const auto axis = static_cast<std::ptrdiff_t>(axis_in(Gather::kName, op.axis, x));
  Shape shape = x.shape;
  Roles roles = x.roles;
  shape.erase(shape.begin() + axis);
  roles.erase(roles.begin() + axis);
  shape.insert(shape.begin() + axis, indices.shape.begin(), indices.shape.end());
  roles.insert(roles.begin() + axis, indices.roles.begin(), indices.roles.end());
  if (indices.rank() == 1) {  // a choice among an axis is still that axis
    roles[static_cast<size_t>(axis)] = x.roles[static_cast<size_t>(axis)];
  }
  for (size_t i = 1; i < roles.size(); ++i) {  // of two batches, the leading one is the batch
    if (roles[i] == Role::kBatch && roles[0] == Role::kBatch) roles[i] = Role::kNone;
  }
  return output(Gather::kName, x.dtype, std::move(shape), std::move(roles));
}

int64_t macs(const Embedding&, Types, Types) { return 0; }
int64_t macs(const Gather&, Types, Types) { return 0; }

}  // namespace rung::ops
