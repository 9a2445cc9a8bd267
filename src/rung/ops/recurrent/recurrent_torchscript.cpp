#include "rung/ops/torchscript.h"

namespace rung::ops {
namespace {

/// input, state (a list for LSTM), params, has_biases, num_layers, dropout, train, bidirectional,
/// batch_first; for packed sequences the second argument is their lengths.
AtenResult recurrent(AtenCall& call, Cell cell) {
  const Ref x = call.tensor(0);
  if (call.size() != 9 || !call.value(8).isBool() || call.type(x).rank() != 3) return std::nullopt;
  std::vector<Ref> state, weights;
  for (const auto& ref : call.tensors(1)) state.push_back(ref.value());
  for (const auto& ref : call.tensors(2)) weights.push_back(ref.value());
  const bool bias = call.flag(3), bidirectional = call.flag(7);
  const int64_t layers = call.integer(4);
  // Anything else has projections.
  const auto per_layer = static_cast<size_t>(layers) * (bidirectional ? 2 : 1);
  if (weights.size() != per_layer * (bias ? 4 : 2)) return std::nullopt;
  Recurrent op{.cell = cell,
               .hidden = call.type(weights[1]).shape.at(1),
               .layers = layers,
               .bidirectional = bidirectional,
               .batch_first = call.flag(8),
               .bias = bias,
               .dropout = call.number(5)};
  for (const Ref ref : state) op.has_state = op.has_state || !call.is_zeros(ref);
  std::vector<Ref> in{x};
  if (op.has_state) in.insert(in.end(), state.begin(), state.end());
  in.insert(in.end(), weights.begin(), weights.end());
  return call.add_all(op, in);
}

template <Cell C>
AtenResult rule(AtenCall& call) {
  return recurrent(call, C);
}

constexpr AtenEntry kRecurrentRules[] = {
    {"aten::lstm", rule<Cell::kLstm>},
    {"aten::gru", rule<Cell::kGru>},
    {"aten::rnn_tanh", rule<Cell::kRnnTanh>},
    {"aten::rnn_relu", rule<Cell::kRnnRelu>},
};

}  // namespace

AtenRules recurrent_rules() { return kRecurrentRules; }

}  // namespace rung::ops
