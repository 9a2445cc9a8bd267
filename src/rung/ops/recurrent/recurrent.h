#pragma once

#include "rung/ops/fields.h"

namespace rung::ops {

enum class Cell { kLstm, kGru, kRnnTanh, kRnnRelu };
constexpr std::string_view kCellNames[] = {"lstm", "gru", "rnn_tanh", "rnn_relu"};
constexpr std::span<const std::string_view> names(Cell) { return kCellNames; }

/// torch.nn.LSTM, GRU and RNN, with PyTorch's formulas and order of gates (LSTM i f g o, GRU r z
/// n). With D directions, L layers, hidden H, G gates (LSTM 4, GRU 3, RNN 1):
///   inputs  x [N, T, I] (or [T, N, I] without batch_first); where has_state: h0 [L·D, N, H], and
///           for LSTM c0 [L·D, N, H]; then per layer, per direction: w_ih [G·H, I or D·H],
///           w_hh [G·H, H] and, where bias, b_ih [G·H], b_hh [G·H]
///   outputs y [N, T, D·H] (roles as x), h [L·D, N, H], and for LSTM c [L·D, N, H]
/// A missing state starts at zero. `dropout` acts between layers, in training only.
struct Recurrent {
  static constexpr std::string_view kName = "Recurrent";
  Cell cell = Cell::kLstm;
  int64_t hidden = 0;
  int64_t layers = 1;
  bool bidirectional = false;
  bool batch_first = true;
  bool bias = true;
  bool has_state = false;
  double dropout = 0;
  static constexpr auto fields() {
    return std::make_tuple(
        field("cell", &Recurrent::cell), field("hidden", &Recurrent::hidden),
        field("layers", &Recurrent::layers), field("bidirectional", &Recurrent::bidirectional),
        field("batch_first", &Recurrent::batch_first), field("bias", &Recurrent::bias),
        field("has_state", &Recurrent::has_state), field("dropout", &Recurrent::dropout));
  }
  bool operator==(const Recurrent&) const = default;
};

/// 4, 3 or 1.
int64_t gate_count(Cell cell);

std::vector<TensorType> infer(const Recurrent&, Types in);
int64_t macs(const Recurrent&, Types in, Types out);

}  // namespace rung::ops
