#include <algorithm>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/ops/recurrent/recurrent_onnx.h"

namespace rung::ops {

Tensor reordered(const Tensor& whole, int64_t direction, const Sizes& gates, int64_t first_gate,
                 int64_t hidden) {
  const int64_t rows = whole.shape().at(1);
  const int64_t row = whole.bytes() / (whole.shape()[0] * rows);
  Shape shape(whole.shape().begin() + 1, whole.shape().end());
  shape[0] = static_cast<int64_t>(gates.size()) * hidden;
  Tensor out(whole.dtype(), shape);
  for (size_t g = 0; g < gates.size(); ++g) {
    const int64_t from = direction * rows + (first_gate + gates[g]) * hidden;
    std::copy_n(whole.data() + from * row, hidden * row,
                out.data() + static_cast<int64_t>(g) * hidden * row);
  }
  return out;
}

namespace {

void check_plain(OnnxCall& call, const std::vector<std::string>& activations) {
  std::vector<std::string> given = call.texts("activations");
  for (auto& name : given) {
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  }
  for (size_t i = 0; i < given.size(); ++i) {
    if (given[i] == activations[i % activations.size()]) continue;
    fail_unsupported("{} with the activations {}; {} are supported", call.name(), join(given, ", "),
                     join(activations, ", "));
  }
  if (call.has("clip")) fail_unsupported("{} that clips its gates", call.name());
  if (call.given(7) && call.name() == "LSTM") fail_unsupported("LSTM with peepholes");
  if (call.integer("input_forget", 0) != 0) fail_unsupported("LSTM with coupled gates");
  if (!call.given(4)) return;
  const Dim steps = call.sizes(0).at(call.integer("layout", 0) == 0 ? 0 : 1);
  const bool whole = call.known(4) && !steps.varies() && [&] {
    const Sizes lengths = call.integers(4);
    return std::all_of(lengths.begin(), lengths.end(),
                       [&](int64_t n) { return n == steps.value(); });
  }();
  if (!whole) fail_unsupported("{} over sequences of different lengths", call.name());
}

struct CellRule {
  Cell cell;
  Sizes gates;  ///< ours, as places in ONNX's order
};

OnnxResult recurrent(OnnxCall& call, const CellRule& rule) {
  const std::string direction = call.text("direction", "forward");
  const bool both = direction == "bidirectional", back = direction == "reverse";
  if (!both && !back && direction != "forward") {
    fail_user("attribute direction is {}", quoted(direction));
  }
  const bool batch_first = call.integer("layout", 0) != 0;
  const int64_t time = batch_first ? 1 : 0;
  for (size_t i : {1, 2}) {
    if (!call.known(i)) {
      fail_unsupported("the weights of {} must be known when the file is read", call.name());
    }
  }
  const Tensor w = call.constant(1), r = call.constant(2);
  const auto gates = static_cast<int64_t>(rule.gates.size());
  const int64_t directions = both ? 2 : 1;
  const int64_t hidden = r.shape().size() == 3 ? r.shape()[2] : 0;
  const Shape rows{directions, gates * hidden};
  const auto fits = [&](const Tensor& t, int64_t axes, int64_t factor) {
    return static_cast<int64_t>(t.shape().size()) == axes && t.shape()[0] == rows[0] &&
           t.shape()[1] == factor * rows[1];
  };
  if (hidden < 1 || !fits(w, 3, 1) || !fits(r, 3, 1)) {
    fail_user("the weights {} and {} do not fit: [{}, {}·H, I] and [{}, {}·H, H] are needed",
              to_string(w.shape()), to_string(r.shape()), directions, gates, directions, gates);
  }
  const bool bias = call.given(3);
  if (bias && (!call.known(3) || !fits(call.constant(3), 2, 2))) {
    fail_unsupported("the bias of {} must be known when the file is read, and be [{}, {}]",
                     call.name(), directions, 2 * rows[1]);
  }
  Recurrent op{.cell = rule.cell,
               .hidden = hidden,
               .bidirectional = both,
               .batch_first = batch_first,
               .bias = bias,
               .has_state = call.given(5) || (rule.cell == Cell::kLstm && call.given(6))};
  Ref x = call.tensor(0);
  if (back) x = flipped(call, x, time);
  std::vector<Ref> in{x};
  const bool lstm = rule.cell == Cell::kLstm;
  if (op.has_state) {
    for (size_t i = 5; i < (lstm ? 7u : 6u); ++i) {
      if (!call.given(i)) {
        in.push_back(call.add(FullLike{}, {call.tensor(i == 5 ? 6 : 5)}));
      } else {
        const Ref state = call.tensor(i);  // [N, D, H] with layout 1
        in.push_back(batch_first ? call.add(Transpose{.order = {1, 0, 2}}, {state}) : state);
      }
    }
  }
  for (int64_t d = 0; d < directions; ++d) {
    const std::string end = d == 0 ? "_l0" : "_l0_reverse";
    in.push_back(call.weight("weight_ih" + end, reordered(w, d, rule.gates, 0, hidden)));
    in.push_back(call.weight("weight_hh" + end, reordered(r, d, rule.gates, 0, hidden)));
    if (!bias) continue;
    const Tensor b = call.constant(3);
    in.push_back(call.weight("bias_ih" + end, reordered(b, d, rule.gates, 0, hidden)));
    in.push_back(call.weight("bias_hh" + end, reordered(b, d, rule.gates, gates, hidden)));
  }
  auto out = call.add_all(op, in);
  Ref y = out[0];
  if (back) y = flipped(call, y, time);
  // [T, N, D·H] -> [T, D, N, H], or [N, T, D·H] -> [N, T, D, H]
  if (both) {
    y = call.add(Reshape{.shape = {0, 0, 2, hidden}}, {y});
    if (!batch_first) y = call.add(Transpose{.order = {0, 2, 1, 3}}, {y});
  } else {
    y = call.add(Unsqueeze{.axes = {batch_first ? 2 : 1}}, {y});
  }
  out[0] = y;
  for (size_t i = 1; i < out.size(); ++i) {
    if (batch_first && call.used(i)) out[i] = call.add(Transpose{.order = {1, 0, 2}}, {out[i]});
  }
  return out;
}

// ONNX's gates are i o f c, PyTorch's i f c o.
OnnxResult lstm(OnnxCall& call) {
  check_plain(call, {"sigmoid", "tanh", "tanh"});
  return recurrent(call, {Cell::kLstm, {0, 2, 3, 1}});
}

// ONNX's gates are z r h, PyTorch's r z n, and PyTorch resets behind the matrix product.
OnnxResult gru(OnnxCall& call) {
  check_plain(call, {"sigmoid", "tanh"});
  if (call.integer("linear_before_reset", 0) == 0) return gru_in_steps(call);
  return recurrent(call, {Cell::kGru, {1, 0, 2}});
}

OnnxResult rnn(OnnxCall& call) {
  const auto activations = call.texts("activations");
  const bool relu = !activations.empty() && (activations[0] == "Relu" || activations[0] == "relu");
  check_plain(call, {relu ? "relu" : "tanh"});
  return recurrent(call, {relu ? Cell::kRnnRelu : Cell::kRnnTanh, {0}});
}

constexpr OnnxEntry kRecurrentRules[] = {
    {"LSTM", lstm},
    {"GRU", gru},
    {"RNN", rnn},
};

}  // namespace

OnnxRules recurrent_onnx() { return kRecurrentRules; }

}  // namespace rung::ops
