#include "rung/ops/eager.h"

namespace rung::ops {

Tensors run(const Embedding&, const Tensors& in, const RunContext&) {
  return {at::embedding(in[1], in[0].to(at::kLong))};
}

Tensors run(const Gather& op, const Tensors& in, const RunContext&) {
  const auto axis = resolve_axis(op.axis, static_cast<size_t>(in[0].dim()));
  c10::List<c10::optional<at::Tensor>> places;
  for (size_t i = 0; i < axis; ++i) places.push_back(c10::nullopt);
  places.push_back(in[1].to(at::kLong));
  return {at::index(in[0], places)};
}

}  // namespace rung::ops
