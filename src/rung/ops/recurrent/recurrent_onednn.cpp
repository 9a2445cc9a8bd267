#include <fmt/format.h>

#include <algorithm>

#include "rung/ops/kernel.h"
#include "rung/ops/primitives.h"
#include "rung/ops/recurrent/lstm_way.h"

namespace rung::ops {
namespace {

using onednn::Form;
using onednn::LowerCall;
using onednn::Ref;
using onednn::Step;
using onednn::Way;
using Tag = dnnl::memory::format_tag;
using Desc = dnnl::memory::desc;

constexpr Form kPlain{DType::kF32};

// PyTorch's gate of each of oneDNN's: a GRU has u r o there, r z n here.
std::vector<int64_t> gate_order(Cell cell) {
  switch (cell) {
    case Cell::kLstm:
      return {0, 1, 2, 3};
    case Cell::kGru:
      return {1, 0, 2};
    default:
      return {0};
  }
}

/// The sizes of one layer, as oneDNN names them.
struct Layer {
  int64_t time, batch, width, hidden, directions, gates;
  int64_t out_width() const { return directions * hidden; }
};

// PyTorch's [G·H, W] of each direction as oneDNN's row-major [1, D, W, G, H].
Tensor transposed_weights(const std::vector<Tensor>& weights, Cell cell, int64_t width,
                          int64_t hidden) {
  const auto order = gate_order(cell);
  const auto gates = static_cast<int64_t>(order.size());
  const auto directions = static_cast<int64_t>(weights.size());
  Tensor result(DType::kF32, {1, directions, width, gates, hidden});
  float* to = result.as<float>().data();
  for (const Tensor& weight : weights) {
    const float* from = weight.as<float>().data();
    for (int64_t w = 0; w < width; ++w) {
      for (const int64_t gate : order) {
        for (int64_t h = 0; h < hidden; ++h) *to++ = from[(gate * hidden + h) * width + w];
      }
    }
  }
  return result;
}

// Both biases of each direction, added, as [1, D, G, H]. Those of a GRU's new gate stay apart: the
// reset gate acts on one of them alone.
Tensor joined_bias(const std::vector<Tensor>& of_input, const std::vector<Tensor>& of_state,
                   Cell cell, int64_t hidden, int64_t directions) {
  const auto order = gate_order(cell);
  const bool gru = cell == Cell::kGru;
  const auto gates = static_cast<int64_t>(order.size()) + (gru ? 1 : 0);
  Tensor result(DType::kF32, {1, directions, gates, hidden});
  if (of_input.empty()) return result;
  float* to = result.as<float>().data();
  for (size_t d = 0; d < of_input.size(); ++d) {
    const float* input = of_input[d].as<float>().data();
    const float* state = of_state[d].as<float>().data();
    for (const int64_t gate : order) {
      const bool apart = gru && gate == 2;
      for (int64_t h = gate * hidden; h < (gate + 1) * hidden; ++h) {
        *to++ = apart ? input[h] : input[h] + state[h];
      }
    }
    if (gru) to = std::copy_n(state + 2 * hidden, hidden, to);
  }
  return result;
}

/// A layer as a primitive: what the three kinds of oneDNN have in common.
struct Cells {
  Cell cell;
  dnnl::rnn_direction direction;
  Desc x, weights_x, weights_h, bias, y;
  Desc state_in;  ///< of no axes where the state starts at zero
  Desc state;

  /// Empty where oneDNN has none.
  std::vector<onednn::Implementation> implementations() const {
    constexpr auto kKind = dnnl::prop_kind::forward_inference;
    if (cell == Cell::kLstm) {
      return onednn::implementations<dnnl::lstm_forward>(1, {}, kKind, direction, x, state_in,
                                                         state_in, weights_x, weights_h, bias, y,
                                                         state, state);
    }
    if (cell == Cell::kGru) {
      return onednn::implementations<dnnl::lbr_gru_forward>(1, {}, kKind, direction, x, state_in,
                                                            weights_x, weights_h, bias, y, state);
    }
    const auto function =
        cell == Cell::kRnnTanh ? dnnl::algorithm::eltwise_tanh : dnnl::algorithm::eltwise_relu;
    return onednn::implementations<dnnl::vanilla_rnn_forward>(
        1, {}, kKind, function, direction, x, state_in, weights_x, weights_h, bias, y, state);
  }
};

class RecurrentRule {
 public:
  RecurrentRule(const Recurrent& op, LowerCall& call)
      : op_(op), call_(call), lstm_(op.cell == Cell::kLstm) {
    const Shape& x = call.in_type(0).shape;
    layer_ = {.time = x[op.batch_first ? 1 : 0],
              .batch = x[op.batch_first ? 0 : 1],
              .width = x[2],
              .hidden = op.hidden,
              .directions = op.bidirectional ? 2 : 1,
              .gates = gate_count(op.cell)};
    next_weight_ = !op.has_state ? 1 : lstm_ ? 3 : 2;
  }

  void lower() {
    outputs_ = {call_.out(0, kPlain), call_.out(1, kPlain)};
    if (lstm_) outputs_.push_back(call_.out(2, kPlain));
    if (layer_.batch == 0) {
      return call_.kernel("nothing", {}, outputs_, [](const onednn::Pointers&) {});
    }
    if (layer_.time == 0) call_.give_up("no time steps have no kernel");
    Ref x = call_.in(0, kPlain);
    for (int64_t i = 0; i < op_.layers; ++i) {
      const bool last = i + 1 == op_.layers;
      const Ref y = last ? outputs_[0] : call_.temporary(sequence(layer_.out_width()), kPlain);
      add_layer(i, x, y);
      layer_.width = layer_.out_width();
      x = y;
    }
  }

 private:
  Shape sequence(int64_t width) const {
    if (op_.batch_first) return {layer_.batch, layer_.time, width};
    return {layer_.time, layer_.batch, width};
  }
  Desc sequence_desc(int64_t width) const {
    return {{layer_.time, layer_.batch, width},
            dnnl::memory::data_type::f32,
            op_.batch_first ? Tag::ntc : Tag::tnc};
  }

  // This layer's piece [D, N, H] of a state [L·D, N, H].
  Ref state_piece(Ref whole, int64_t layer) {
    if (op_.layers == 1) return whole;
    const Shape shape{layer_.directions, layer_.batch, layer_.hidden};
    return call_.part(whole, shape, kPlain, layer * onednn::bytes_of(shape, kPlain));
  }

  onednn::RecurrentWeights next_weights() {
    onednn::RecurrentWeights weights;
    for (int64_t d = 0; d < layer_.directions; ++d) {
      for (auto* list : {&weights.x, &weights.h, &weights.bias_x, &weights.bias_h}) {
        if (!op_.bias && list != &weights.x && list != &weights.h) continue;
        list->push_back(call_.known(next_weight_++));
        if (!list->back().defined()) call_.give_up("weights that are computed have no kernel");
        if (list->back().dtype() != DType::kF32) call_.give_up("weights must be f32");
      }
    }
    return weights;
  }

  // `format`: of the weights; oneDNN's choice, or row-major.
  Cells cells(Tag format) const {
    const auto& [time, batch, width, hidden, directions, gates] = layer_;
    constexpr auto kType = dnnl::memory::data_type::f32;
    const int64_t bias_gates = op_.cell == Cell::kGru ? gates + 1 : gates;
    const Desc state{{1, directions, batch, hidden}, kType, Tag::ldnc};
    return {.cell = op_.cell,
            .direction = op_.bidirectional ? dnnl::rnn_direction::bidirectional_concat
                                           : dnnl::rnn_direction::unidirectional_left2right,
            .x = sequence_desc(width),
            .weights_x = {{1, directions, width, gates, hidden}, kType, format},
            .weights_h = {{1, directions, hidden, gates, hidden}, kType, format},
            .bias = {{1, directions, bias_gates, hidden}, kType, Tag::ldgo},
            .y = sequence_desc(layer_.out_width()),
            .state_in = op_.has_state ? state : Desc(),
            .state = state};
  }

  void add_layer(int64_t index, Ref x, Ref y) {
    const onednn::RecurrentWeights weights = next_weights();
    Step step{.what =
                  fmt::format("{} {} -> {}, {} steps", kCellNames[static_cast<size_t>(op_.cell)],
                              layer_.width, layer_.hidden, layer_.time)};
    step.key =
        fmt::format("{}, batch {}, directions {}{}{}", step.what, layer_.batch, layer_.directions,
                    op_.batch_first ? ", batch first" : "", op_.has_state ? ", with state" : "");
    step.in = {x, call_.constant(joined_bias(weights.bias_x, weights.bias_h, op_.cell,
                                             layer_.hidden, layer_.directions))};
    const size_t states = lstm_ ? 2 : 1;
    for (size_t i = 1; op_.has_state && i <= states; ++i) {
      step.in.push_back(state_piece(call_.in(i, kPlain), index));
    }
    step.out = {y};
    for (size_t i = 1; i <= states; ++i) step.out.push_back(state_piece(outputs_[i], index));
    for (const std::string_view name : names(step.key)) {
      step.ways.push_back(name == onednn::kLstmWay
                              ? onednn::lstm_way(call_, ours(), weights, step.in.size())
                              : way(step, name, weights));
    }
    call_.step(std::move(step));
  }

  onednn::LstmLayer ours() const {
    return {.time = layer_.time,
            .batch = layer_.batch,
            .width = layer_.width,
            .hidden = layer_.hidden,
            .directions = layer_.directions,
            .batch_first = op_.batch_first,
            .has_state = op_.has_state};
  }

  // oneDNN's cells with weights in an order that it picks, which is made for batches and takes
  // three times as long for a few numbers a step, or as they come.
  static constexpr std::string_view kPacked = "packed", kRowMajor = "row-major weights";

  // The ways that are to be made, the best guess first.
  std::vector<std::string_view> names(const std::string& key) const {
    if (op_.cell == Cell::kGru) return {kRowMajor};  // there is no other
    std::vector<std::string_view> list{kRowMajor, kPacked};
    if (layer_.batch >= 4) std::swap(list[0], list[1]);
    if (lstm_ && onednn::has_tiles(DType::kF32)) list.insert(list.begin(), onednn::kLstmWay);
    const auto chosen = call_.chosen_way(key);
    const auto known = chosen ? std::find(list.begin(), list.end(), *chosen) : list.end();
    if (known != list.end()) return {*known};
    if (!call_.measures()) list.resize(1);
    return list;
  }

  Way way(const Step& step, std::string_view name, const onednn::RecurrentWeights& weights) {
    const bool packed = name == kPacked;
    const Cells cells = this->cells(packed ? Tag::any : Tag::ldigo);
    const Tensor weights_x = transposed_weights(weights.x, op_.cell, layer_.width, layer_.hidden);
    const Tensor weights_h = transposed_weights(weights.h, op_.cell, layer_.hidden, layer_.hidden);
    const auto found = cells.implementations();
    if (found.empty()) call_.give_up("oneDNN has no kernel for these cells");
    const size_t first = step.in.size(), out = first + 2;
    std::vector<std::pair<int, size_t>> operands = {
        {DNNL_ARG_SRC_LAYER, 0},         {DNNL_ARG_BIAS, 1},
        {DNNL_ARG_WEIGHTS_LAYER, first}, {DNNL_ARG_WEIGHTS_ITER, first + 1},
        {DNNL_ARG_DST_LAYER, out},       {DNNL_ARG_DST_ITER, out + 1}};
    if (lstm_) operands.emplace_back(DNNL_ARG_DST_ITER_C, out + 2);
    if (op_.has_state) operands.emplace_back(DNNL_ARG_SRC_ITER, 2);
    if (op_.has_state && lstm_) operands.emplace_back(DNNL_ARG_SRC_ITER_C, 3);
    Way way = found[0].way(operands);
    way.name = name;
    const auto as_constant = [&](const Tensor& value, int arg) {
      return packed ? call_.packed(value, found[0].wants(arg)) : call_.constant(value);
    };
    way.constants = {as_constant(weights_x, DNNL_ARG_WEIGHTS_LAYER),
                     as_constant(weights_h, DNNL_ARG_WEIGHTS_ITER)};
    return way;
  }

  const Recurrent& op_;
  LowerCall& call_;
  bool lstm_;
  Layer layer_{};
  size_t next_weight_ = 1;
  std::vector<Ref> outputs_;
};

}  // namespace

void lower(const Recurrent& op, LowerCall& call) {
  const DType dtype = call.out_type().dtype;
  if (dtype != DType::kF32 || call.in_type(0).shape[2] == 0) {
    call.give_up(fmt::format("{} of {} has no kernel", kCellNames[static_cast<size_t>(op.cell)],
                             to_string(call.in_type(0))));
  }
  RecurrentRule(op, call).lower();
}

}  // namespace rung::ops
