#include <cmath>
#include <limits>

#include "rung/ops/eager.h"

namespace rung::ops {

Tensors run(const Attention& op, const Tensors& in, const RunContext&) {
  constexpr double kNever = -std::numeric_limits<double>::infinity();
  const auto& q = in[0];
  const auto& k = in[1];
  const double scale = op.scale.value_or(1 / std::sqrt(static_cast<double>(q.size(-1))));
  at::Tensor scores = at::matmul(q * scale, k.transpose(-2, -1));
  if (op.has_mask) {
    const auto& mask = in[3];
    scores = mask.scalar_type() == at::kBool ? scores.masked_fill(mask.logical_not(), kNever)
                                             : scores + mask;
  }
  if (op.causal) {
    const auto options = q.options().dtype(at::kBool);
    const auto seen = at::ones({q.size(-2), k.size(-2)}, options).tril();
    scores = scores.masked_fill(seen.logical_not(), kNever);
  }
  return {at::matmul(at::softmax(scores, -1), in[2])};
}

}  // namespace rung::ops
