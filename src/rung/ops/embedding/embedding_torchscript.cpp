#include "rung/ops/torchscript.h"

namespace rung::ops {
namespace {

// weight, indices, padding_idx, scale_grad_by_freq, sparse. A padding row takes no gradient, which
// the op does not know.
AtenResult embedding(AtenCall& call) {
  if (call.integer(2) >= 0 || call.flag(3) || call.flag(4)) return std::nullopt;
  return {{call.add(Embedding{}, {call.tensor(1), call.tensor(0)})}};
}

// input, axis, list of indices
AtenResult index_select(AtenCall& call) {
  if (call.type(call.tensor(0)).rank() == 0) return std::nullopt;
  return {{call.add(Gather{.axis = call.integer(1)}, {call.tensor(0), call.tensor(2)})}};
}

// input, one optional index per axis
AtenResult index(AtenCall& call) {
  const auto indices = call.tensors(1);
  std::optional<size_t> axis;
  for (size_t i = 0; i < indices.size(); ++i) {
    if (!indices[i]) continue;
    if (axis || call.type(*indices[i]).dtype == DType::kBool) return std::nullopt;
    axis = i;
  }
  if (!axis) return std::nullopt;
  return {
      {call.add(Gather{.axis = static_cast<int64_t>(*axis)}, {call.tensor(0), *indices[*axis]})}};
}

constexpr AtenEntry kEmbeddingRules[] = {
    {"aten::embedding", embedding},
    {"aten::index_select", index_select},
    {"aten::index", index},
};

}  // namespace

AtenRules embedding_rules() { return kEmbeddingRules; }

}  // namespace rung::ops
