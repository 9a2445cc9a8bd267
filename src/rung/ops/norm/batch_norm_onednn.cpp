#include <cmath>

#include "rung/ops/norm/affine_onednn.h"
#include "rung/ops/onednn.h"
#include "rung/ops/pointwise.h"

namespace rung::ops {

Affine affine_of(const BatchNorm& op, const std::function<Tensor(size_t)>& known) {
  const size_t mean_at = op.affine ? 2 : 0;
  const Tensor mean = known(mean_at), var = known(mean_at + 1);
  const Tensor weight = op.affine ? known(0) : Tensor(), bias = op.affine ? known(1) : Tensor();
  Affine affine;
  for (int64_t c = 0; c < mean.elements(); ++c) {
    const double factor = (op.affine ? weight.at(c) : 1) / std::sqrt(var.at(c) + op.eps);
    affine.scale.push_back(static_cast<float>(factor));
    affine.shift.push_back(static_cast<float>((op.affine ? bias.at(c) : 0) - mean.at(c) * factor));
  }
  return affine;
}

// With running statistics: one multiplication and one addition for each channel.
void lower(const BatchNorm& op, onednn::LowerCall& call) {
  if (!op.track) call.give_up("a batch norm by the batch's own statistics has no kernel");
  Affine affine = affine_of(op, [&](size_t i) {
    Tensor value = call.known(1 + i);
    if (!value.defined()) call.give_up("the weights of a batch norm must be known");
    return value;
  });
  Shape shape(call.in_type(0).rank(), 1);
  shape[1] = static_cast<int64_t>(affine.scale.size());
  lower_pointwise(
      call, 0,
      {{.op = Binary{BinaryFn::kMul}, .constant = Tensor::f32(shape, std::move(affine.scale))},
       {.op = Binary{BinaryFn::kAdd}, .constant = Tensor::f32(shape, std::move(affine.shift))}});
}

}  // namespace rung::ops
