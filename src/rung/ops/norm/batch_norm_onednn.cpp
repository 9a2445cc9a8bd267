#include <cmath>

#include "rung/ops/onednn.h"
#include "rung/ops/pointwise.h"

namespace rung::ops {

// With running statistics: one multiplication and one addition for each channel.
void lower(const BatchNorm& op, onednn::LowerCall& call) {
  if (!op.track) call.give_up("a batch norm by the batch's own statistics has no kernel");
  const size_t mean_at = op.affine ? 3 : 1;
  const auto known = [&](size_t input) {
    Tensor value = call.known(input);
    if (!value.defined()) call.give_up("the weights of a batch norm must be known");
    return value;
  };
  const Tensor mean = known(mean_at), var = known(mean_at + 1);
  const int64_t channels = mean.elements();
  std::vector<float> scale(static_cast<size_t>(channels)), shift(scale);
  for (int64_t c = 0; c < channels; ++c) {
    const double weight = op.affine ? known(1).at(c) : 1, bias = op.affine ? known(2).at(c) : 0;
    const double factor = weight / std::sqrt(var.at(c) + op.eps);
    scale[static_cast<size_t>(c)] = static_cast<float>(factor);
    shift[static_cast<size_t>(c)] = static_cast<float>(bias - mean.at(c) * factor);
  }
  Shape shape(call.in_type(0).rank(), 1);
  shape[1] = channels;
  lower_pointwise(
      call, 0,
      {{.op = Binary{BinaryFn::kMul}, .constant = Tensor::f32(shape, std::move(scale))},
       {.op = Binary{BinaryFn::kAdd}, .constant = Tensor::f32(shape, std::move(shift))}});
}

}  // namespace rung::ops
