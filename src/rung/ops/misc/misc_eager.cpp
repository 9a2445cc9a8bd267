#include "rung/ops/dtype_eager.h"
#include "rung/ops/eager.h"

namespace rung::ops {

Tensors run(const Dropout& op, const Tensors& in, const RunContext& context) {
  if (!context.training) return {in[0]};
  return {op.channels ? at::feature_dropout(in[0], op.p, true) : at::dropout(in[0], op.p, true)};
}

Tensors run(const Cast& op, const Tensors& in, const RunContext&) {
  return {in[0].to(to_torch(op.dtype))};
}

Tensors run(const Detach&, const Tensors& in, const RunContext&) { return {in[0].detach()}; }

Tensors run(const FullLike& op, const Tensors& in, const RunContext&) {
  return {at::full_like(in[0], op.value)};
}

Tensors run(const ArangeLike& op, const Tensors& in, const RunContext&) {
  const auto type = to_torch(op.dtype);
  const auto counted = has_few_kernels(type) ? at::kLong : type;
  return {at::arange(in[0].size(op.axis), in[0].options().dtype(counted)).to(type)};
}

}  // namespace rung::ops
