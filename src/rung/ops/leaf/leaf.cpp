#include "rung/ops/leaf/leaf.h"

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/ops/check.h"

namespace rung::ops {

std::vector<TensorType> infer(const Input& op, Types in) {
  check_inputs(Input::kName, in, "none", 0);
  if (op.type.roles.size() != op.type.rank()) {
    fail_user("Input: {} roles {} for shape {}; give one per axis", op.type.roles.size(),
              roles_text(op.type), to_string(op.type.shape));
  }
  int64_t least = 0;
  for (const int64_t axis : op.fixed) {
    if (axis < least || axis >= static_cast<int64_t>(op.type.rank())) {
      fail_user("Input: fixed = {} must ascend and name axes of {}", to_string(op.fixed),
                to_string(op.type));
    }
    least = axis + 1;
  }
  return output(Input::kName, op.type.dtype, op.type.shape, op.type.roles);
}

void check_fixed_axes(const Input& op, std::string_view name, std::span<const int64_t> shape) {
  for (const int64_t axis : op.fixed) {
    const int64_t size = shape[static_cast<size_t>(axis)];
    const int64_t held = op.type.shape[static_cast<size_t>(axis)];
    if (size == held) continue;
    fail_user(
        "input {} has size {} on axis {}, but the network holds at size {} only\n"
        "  takes   {}\n"
        "  rule    {}\n"
        "  fix     give it size {}, or trace the module again with an example of size {}",
        quoted(name), size, axis, held, to_string(op.type), op.why, held, size);
  }
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
