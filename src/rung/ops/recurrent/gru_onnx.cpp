#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/ops/recurrent/recurrent_onnx.h"

namespace rung::ops {
namespace {

constexpr int64_t kMostGruSteps = 4096;  ///< that are written out

/// The weights of one direction: update and reset gate together, and the new state.
struct Weights {
  Ref gates_x, gates_h, state_x, state_h;
  std::vector<Ref> gates_bias_x, gates_bias_h, state_bias_x, state_bias_h;  ///< one, or none
};

Weights read_weights(OnnxCall& call, int64_t d, int64_t hidden) {
  const Tensor w = call.constant(1), r = call.constant(2);
  const std::string end = d == 0 ? "_l0" : "_l0_reverse";
  const auto rows = [&](const char* name, const Tensor& all, const Sizes& gates, int64_t first) {
    return call.weight(name + end, reordered(all, d, gates, first, hidden));
  };
  Weights out{.gates_x = rows("weight_ih_zr", w, {0, 1}, 0),
              .gates_h = rows("weight_hh_zr", r, {0, 1}, 0),
              .state_x = rows("weight_ih_n", w, {2}, 0),
              .state_h = rows("weight_hh_n", r, {2}, 0),
              .gates_bias_x = {},
              .gates_bias_h = {},
              .state_bias_x = {},
              .state_bias_h = {}};
  if (call.given(3)) {
    const Tensor b = call.constant(3);
    out.gates_bias_x = {rows("bias_ih_zr", b, {0, 1}, 0)};
    out.gates_bias_h = {rows("bias_hh_zr", b, {0, 1}, 3)};
    out.state_bias_x = {rows("bias_ih_n", b, {2}, 0)};
    out.state_bias_h = {rows("bias_hh_n", b, {2}, 3)};
  }
  return out;
}

Ref product(OnnxCall& call, Ref x, Ref weight, const std::vector<Ref>& bias) {
  std::vector<Ref> in{x, weight};
  in.insert(in.end(), bias.begin(), bias.end());
  return call.add(Linear{}, in);
}

Ref half(OnnxCall& call, Ref gates, int64_t which, int64_t hidden) {
  return call.add(Slice{.axis = -1, .begin = which * hidden, .end = (which + 1) * hidden}, {gates});
}

/// z, r = σ(W x + R h);  n = tanh(W x + R (r h));  h ← (1 - z) n + z h
Ref step(OnnxCall& call, Ref x, Ref h, const Weights& w, int64_t hidden) {
  const Ref gates = call.unary(
      UnaryFn::kSigmoid, call.binary(BinaryFn::kAdd, product(call, x, w.gates_x, w.gates_bias_x),
                                     product(call, h, w.gates_h, w.gates_bias_h)));
  const Ref z = half(call, gates, 0, hidden);
  const Ref reset = call.binary(BinaryFn::kMul, half(call, gates, 1, hidden), h);
  const Ref n = call.unary(UnaryFn::kTanh,
                           call.binary(BinaryFn::kAdd, product(call, x, w.state_x, w.state_bias_x),
                                       product(call, reset, w.state_h, w.state_bias_h)));
  // n + z (h - n)
  return call.binary(BinaryFn::kAdd, n,
                     call.binary(BinaryFn::kMul, z, call.binary(BinaryFn::kSub, h, n)));
}

}  // namespace

OnnxResult gru_in_steps(OnnxCall& call) {
  for (size_t i : {1, 2, 3}) {
    if (call.given(i) && !call.known(i)) {
      fail_unsupported("the weights of GRU must be known when the file is read");
    }
  }
  const Tensor w = call.constant(1), r = call.constant(2);
  const std::string direction = call.text("direction", "forward");
  const int64_t directions = direction == "bidirectional" ? 2 : 1;
  const int64_t hidden = r.shape().size() == 3 ? r.shape()[2] : 0;
  const auto fits = [&](const Tensor& t, size_t axes, int64_t factor) {
    return t.shape().size() == axes && t.shape()[0] == directions &&
           t.shape()[1] == factor * 3 * hidden;
  };
  if (hidden < 1 || !fits(w, 3, 1) || !fits(r, 3, 1) ||
      (call.given(3) && !fits(call.constant(3), 2, 2))) {
    fail_user("the weights {} and {} do not fit: [{}, 3·H, I] and [{}, 3·H, H] are needed",
              to_string(w.shape()), to_string(r.shape()), directions, directions);
  }
  const bool batch_first = call.integer("layout", 0) != 0;
  Ref x = call.tensor(0);  // [T, N, I]
  if (batch_first) x = call.add(Transpose{.order = {1, 0, 2}}, {x});
  const Dim steps = call.sizes_of(x).at(0);
  if (steps.varies()) call.fix({steps});
  if (steps.value() < 1 || steps.value() > kMostGruSteps) {
    fail_unsupported(
        "GRU that resets in front of the matrix product (linear_before_reset = 0) over {} steps; 1 "
        "to {} are written out",
        steps.value(), kMostGruSteps);
  }
  const auto entry = [&](Ref of, int64_t axis, int64_t i) {
    const Ref part = call.add(Slice{.axis = axis, .begin = i, .end = i + 1}, {of});
    return call.add(Squeeze{.axes = {axis}}, {part});
  };
  std::vector<Ref> sequences, states;  // by direction: [T, N, H] and [N, H]
  for (int64_t d = 0; d < directions; ++d) {
    const Weights weights = read_weights(call, d, hidden);
    // Without a state that is given: zeros of [N, H].
    Ref h = call.given(5)
                ? entry(call.tensor(5), batch_first ? 1 : 0, d)
                : call.add(FullLike{}, {product(call, entry(x, 0, 0), weights.state_x, {})});
    std::vector<Ref> list(static_cast<size_t>(steps.value()));
    const bool back = direction == "reverse" || d == 1;
    for (int64_t i = 0; i < steps.value(); ++i) {
      const int64_t t = back ? steps.value() - 1 - i : i;
      h = step(call, entry(x, 0, t), h, weights, hidden);
      list[static_cast<size_t>(t)] = h;
    }
    sequences.push_back(call.add(Stack{.axis = 0}, list));
    states.push_back(h);
  }
  // [T, D, N, H] and [D, N, H], or [N, T, D, H] and [N, D, H]
  Ref y = call.add(Stack{.axis = 1}, sequences);
  if (batch_first) y = call.add(Transpose{.order = {2, 0, 1, 3}}, {y});
  return {y, call.add(Stack{.axis = batch_first ? 1 : 0}, states)};
}

}  // namespace rung::ops
