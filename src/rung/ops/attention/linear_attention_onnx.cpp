#include <cmath>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/ops/attention/attention_onnx.h"

namespace rung::ops {
namespace {

constexpr int64_t kMostSteps = 4096;  ///< that are written out

/// One step of x [N, H, T, …].
Ref step_of(OnnxCall& call, Ref x, int64_t t) {
  const Ref part = call.add(Slice{.axis = 2, .begin = t, .end = t + 1}, {x});
  return call.add(Squeeze{.axes = {2}}, {part});
}

/// [N, T, H · n] -> [N, H, T, n]; with n = 1 where it has one number per head, or one for all.
Ref per_head(OnnxCall& call, size_t i, int64_t heads) {
  const Ref x = call.cast(call.tensor(i), DType::kF32);
  return heads_apart(call, x, call.type(x).shape.at(2) == 1 ? 1 : heads);
}

}  // namespace

// q [N, T, Hq · E], k [N, T, H · E], v [N, T, H · F], the past state [N, H, E, F], decays
// (logarithms) and rates per step:  S ← exp(decay) S;  S ← S + k ⊗ rate (v − Sᵀ k);  y = scale Sᵀ q
OnnxResult linear_attention(OnnxCall& call) {
  const std::string rule = call.text("update_rule", "gated_delta");
  const bool gated = rule == "gated" || rule == "gated_delta";
  const bool delta = rule == "delta" || rule == "gated_delta";
  if (!gated && !delta && rule != "linear") fail_user("attribute update_rule is {}", quoted(rule));
  const int64_t heads = call.integer("q_num_heads"), kv_heads = call.integer("kv_num_heads");
  const Dim steps = call.sizes(0).at(1);
  if (steps.varies()) call.fix({steps});
  if (steps.value() > kMostSteps) {
    fail_unsupported("LinearAttention over {} steps; up to {} are written out", steps.value(),
                     kMostSteps);
  }
  const DType dtype = call.dtype(0);
  const Ref q = per_head(call, 0, heads), k = per_head(call, 1, kv_heads),
            v = per_head(call, 2, kv_heads);
  const double width = static_cast<double>(call.type(k).shape.at(3));
  double scale = call.number("scale", 0);
  if (scale == 0) scale = 1 / std::sqrt(width);
  const auto columns = [&](Ref x) { return call.add(Unsqueeze{.axes = {3}}, {x}); };
  const auto rows = [&](Ref x) { return call.add(Unsqueeze{.axes = {2}}, {x}); };
  std::optional<Ref> state;
  if (call.given(3)) state = call.cast(call.tensor(3), DType::kF32);
  const Ref decay = gated ? per_head(call, 4, kv_heads) : 0;
  const Ref rate = delta ? per_head(call, 5, kv_heads) : 0;
  std::vector<Ref> outputs;
  for (int64_t t = 0; t < steps.value(); ++t) {
    const Ref key = columns(step_of(call, k, t));
    Ref value = rows(step_of(call, v, t));
    if (gated && state) {
      const Ref kept = call.unary(UnaryFn::kExp, step_of(call, decay, t));
      state = call.binary(BinaryFn::kMul, *state, columns(kept));
    }
    if (delta) {
      if (state) {
        const Ref turned = call.add(Transpose{.order = {0, 1, 3, 2}}, {key});
        value = call.binary(BinaryFn::kSub, value, call.add(MatMul{}, {turned, *state}));
      }
      value = call.binary(BinaryFn::kMul, value, columns(step_of(call, rate, t)));
    }
    const Ref written = call.add(MatMul{}, {key, value});
    state = state ? call.binary(BinaryFn::kAdd, *state, written) : written;
    const Ref read =
        call.add(MatMul{}, {rows(step_of(call, q, t)), heads_repeated(call, *state, heads)});
    outputs.push_back(call.with_number(BinaryFn::kMul, read, scale));
  }
  if (outputs.empty()) fail_user("LinearAttention over no steps");
  const Ref y = heads_together(call, call.add(Concat{.axis = 2}, outputs));
  return {call.cast(y, dtype), call.cast(*state, call.given(3) ? call.dtype(3) : dtype)};
}

}  // namespace rung::ops
