#include "rung/ops/dtype_eager.h"
#include "rung/ops/eager.h"

namespace rung::ops {
namespace {

/// The type that an op makes: a floating one follows the network to the type it was moved to.
at::ScalarType made_type(DType dtype, const RunContext& context) {
  return is_floating(dtype) && context.floating ? *context.floating : to_torch(dtype);
}

}  // namespace

Tensors run(const Dropout& op, const Tensors& in, const RunContext& context) {
  if (!context.training) return {in[0]};
  return {op.channels ? at::feature_dropout(in[0], op.p, true) : at::dropout(in[0], op.p, true)};
}

Tensors run(const Cast& op, const Tensors& in, const RunContext& context) {
  return {converted(in[0], made_type(op.dtype, context))};
}

Tensors run(const Detach&, const Tensors& in, const RunContext&) { return {in[0].detach()}; }

Tensors run(const FullLike& op, const Tensors& in, const RunContext&) {
  return {at::full_like(in[0], op.value)};
}

Tensors run(const ArangeLike& op, const Tensors& in, const RunContext& context) {
  const auto type = made_type(op.dtype, context);
  const auto counted = has_few_kernels(type) ? at::kLong : type;
  return {at::arange(in[0].size(op.axis), in[0].options().dtype(counted)).to(type)};
}

}  // namespace rung::ops
