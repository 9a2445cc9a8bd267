#include <algorithm>

#include "rung/ops/layout/follow.h"

namespace rung::ops {
namespace {

/// Whether an op does the same to every place of an axis that has `behind` axes behind it.
bool acts_behind(const Op& op, size_t behind) {
  if (const auto* norm = std::get_if<LayerNorm>(&op)) {
    return static_cast<size_t>(norm->axes) <= behind;
  }
  if (std::holds_alternative<Linear>(op) || std::holds_alternative<MatMul>(op)) return behind > 0;
  return std::holds_alternative<Unary>(op) || std::holds_alternative<Binary>(op) ||
         std::holds_alternative<Gelu>(op) || std::holds_alternative<LeakyRelu>(op) ||
         std::holds_alternative<Clamp>(op) || std::holds_alternative<Cast>(op) ||
         std::holds_alternative<Dropout>(op);
}

/// The one input of an op that has that axis.
std::optional<size_t> carrier(const ImportCall& call, const Maker& made, size_t behind) {
  const bool product =
      std::holds_alternative<Linear>(made.op) || std::holds_alternative<MatMul>(made.op);
  std::optional<size_t> out;
  for (size_t i = 0; i < made.inputs.size(); ++i) {
    const size_t rank = call.type(made.inputs[i]).rank();
    const bool weight = product && i > 0 && rank <= 2;  // a matrix has places of its own
    if (weight || rank <= behind) continue;
    if (out) return std::nullopt;
    out = i;
  }
  return out;
}

}  // namespace

std::optional<Ref> unflattened(ImportCall& call, Ref x, size_t axis, const Dims& parts) {
  Maker made = call.maker_of(x);
  const size_t rank = call.type(x).rank(), behind = rank - 1 - axis;
  if (std::holds_alternative<Reshape>(made.op) || std::holds_alternative<Flatten>(made.op)) {
    Dims to = call.sizes_of(x);
    const auto place = to.erase(to.begin() + static_cast<int64_t>(axis));
    to.insert(place, parts.begin(), parts.end());
    return reshape_to(call, made.inputs[0], call.sizes_of(made.inputs[0]), to);
  }
  if (!acts_behind(made.op, behind)) return std::nullopt;
  const auto from = carrier(call, made, behind);
  if (!from) return std::nullopt;
  Ref& input = made.inputs[*from];
  const auto whole = unflattened(call, input, call.type(input).rank() - 1 - behind, parts);
  if (!whole) return std::nullopt;
  input = *whole;
  return call.add_again(x, made.inputs);
}

}  // namespace rung::ops
