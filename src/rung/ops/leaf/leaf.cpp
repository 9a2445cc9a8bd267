#include "rung/ops/leaf/leaf.h"

#include "rung/base/error.h"
#include "rung/ops/check.h"

namespace rung::ops {

std::vector<TensorType> infer(const Input& op, Types in) {
  check_inputs(Input::kName, in, "none", 0);
  if (op.type.roles.size() != op.type.rank()) {
    fail_user("Input: {} roles {} for shape {}; give one per axis", op.type.roles.size(),
              roles_text(op.type), to_string(op.type.shape));
  }
  return output(Input::kName, op.type.dtype, op.type.shape, op.type.roles);
}

std::vector<TensorType> infer(const Param& op, Types in) {
  check_inputs(Param::kName, in, "none", 0);
  return output(Param::kName, op.dtype, op.shape, Roles(op.shape.size(), Role::kNone));
}

std::vector<TensorType> infer(const Constant& op, Types in) {
  check_inputs(Constant::kName, in, "none", 0);
  if (!op.value.defined()) fail_user("Constant: has no value; give it a tensor");
  const Shape& shape = op.value.shape();
  return output(Constant::kName, op.value.dtype(), shape, Roles(shape.size(), Role::kNone));
}

int64_t macs(const Input&, Types, Types) { return 0; }
int64_t macs(const Param&, Types, Types) { return 0; }
int64_t macs(const Constant&, Types, Types) { return 0; }

}  // namespace rung::ops
