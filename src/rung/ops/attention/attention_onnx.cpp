#include <cmath>
#include <limits>

#include "rung/base/error.h"
#include "rung/ops/attention/attention_onnx.h"
#include "rung/ops/layout/follow.h"

namespace rung::ops {

Ref heads_apart(OnnxCall& call, Ref x, int64_t heads) {
  const int64_t width = call.type(x).shape.at(2);
  if (heads < 1 || width % heads != 0) fail_user("{} features in {} heads", width, heads);
  const Ref parts = call.add(Reshape{.shape = {0, 0, heads, width / heads}}, {x});
  return call.add(Transpose{.order = {0, 2, 1, 3}}, {parts});
}

Ref heads_together(OnnxCall& call, Ref x) {
  const Ref turned = call.add(Transpose{.order = {0, 2, 1, 3}}, {x});
  return call.add(Flatten{.first = 2, .last = 3}, {turned});
}

Ref heads_repeated(OnnxCall& call, Ref x, int64_t heads) {
  const int64_t own = call.type(x).shape.at(1);
  if (own == heads) return x;
  if (own < 1 || heads % own != 0) fail_user("{} heads of queries and {} of keys", heads, own);
  Ref y = call.add(Unsqueeze{.axes = {2}}, {x});
  y = call.add(Expand{.shape = {-1, -1, heads / own, -1, -1}}, {y});
  return call.add(Flatten{.first = 1, .last = 2}, {y});
}

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// The operands of an Attention, heads apart: q [N, H, T, E], k [N, H, S, E], v [N, H, S, F].
struct Operands {
  Ref q, k, v;
  Ref present_key = 0, present_value = 0;  ///< past and new ones, before heads are repeated
  bool flat = false;                       ///< the result has its heads together
};

Operands read_operands(OnnxCall& call) {
  Operands x{.q = call.tensor(0), .k = call.tensor(1), .v = call.tensor(2)};
  x.flat = call.rank(0) == 3;
  if (x.flat) {
    const int64_t kv_heads = call.integer("kv_num_heads");
    x.q = heads_apart(call, x.q, call.integer("q_num_heads"));
    x.k = heads_apart(call, x.k, kv_heads);
    x.v = heads_apart(call, x.v, kv_heads);
  }
  if (call.given(4) != call.given(5)) fail_user("past keys without past values, or the reverse");
  if (call.given(4)) {
    x.k = call.add(Concat{.axis = 2}, {call.tensor(4), x.k});
    x.v = call.add(Concat{.axis = 2}, {call.tensor(5), x.v});
  }
  x.present_key = x.k;
  x.present_value = x.v;
  const int64_t heads = call.type(x.q).shape.at(1);
  x.k = heads_repeated(call, x.k, heads);
  x.v = heads_repeated(call, x.v, heads);
  return x;
}

/// 0 where the condition holds, -inf elsewhere.
Ref additive(OnnxCall& call, Ref condition, DType dtype) {
  return call.add(Where{}, {condition, call.scalar(0, dtype), call.scalar(-kInfinity, dtype)});
}

/// 0 1 2 … along an axis of x, as [n, 1, …] with `behind` more axes.
Ref places(OnnxCall& call, Ref x, int64_t axis, int64_t behind) {
  const Ref count = call.add(ArangeLike{.axis = axis}, {x});
  return behind == 0 ? count : call.add(Unsqueeze{.axes = {1}}, {count});
}

/// Keys up to the query's own place, which `given` keys precede.
Ref causal_condition(OnnxCall& call, const Operands& x) {
  Ref rows = places(call, x.q, 2, 1);
  const Ref columns = places(call, x.k, 2, 0);
  if (call.given(6)) {  // [N] lengths: the queries are the last of them
    const Dim steps = call.sizes_of(x.q).at(2);
    if (steps.varies()) call.fix({steps});
    Ref offset =
        call.with_number(BinaryFn::kSub, call.tensor(6), static_cast<double>(steps.value()));
    offset = call.add(Unsqueeze{.axes = {1, 2, 3}}, {call.cast(offset, DType::kI64)});
    rows = call.add(Binary{BinaryFn::kAdd}, {rows, offset});
  } else if (call.given(4)) {
    const Dim past = call.sizes(4).at(2);
    if (past.varies()) call.fix({past});
    rows = call.with_number(BinaryFn::kAdd, rows, static_cast<double>(past.value()));
  }
  return call.add(Binary{BinaryFn::kGreaterEqual}, {rows, columns});
}

/// The mask that was given, additive, as wide as there are keys.
Ref given_mask(OnnxCall& call, const Operands& x, DType dtype) {
  Ref mask = call.tensor(3);
  mask = call.dtype(3) == DType::kBool ? additive(call, mask, dtype) : call.cast(mask, dtype);
  const Dims sizes = call.sizes_of(mask);
  const Dim keys = call.sizes_of(x.k).at(2);
  if (sizes.empty() || sizes.back().seen == keys.seen || sizes.back().value() == 1) return mask;
  if (sizes.back().varies() || keys.varies()) call.fix({sizes.back(), keys});
  const int64_t missing = keys.value() - sizes.back().value();
  if (missing < 0) fail_user("a mask of {} keys and {} keys", sizes.back().value(), keys.value());
  Pad op{.begin = Sizes(sizes.size(), 0), .end = Sizes(sizes.size(), 0), .value = -kInfinity};
  op.end.back() = missing;
  return call.add(op, {mask});
}

/// All that is added to the scores: the mask, later keys, keys behind a sequence's end.
std::optional<Ref> additive_mask(OnnxCall& call, const Operands& x, DType dtype) {
  std::optional<Ref> out;
  const auto with = [&](Ref mask) {
    out = out ? call.add(Binary{BinaryFn::kAdd}, {*out, mask}) : mask;
  };
  if (call.given(3)) with(given_mask(call, x, dtype));
  if (call.integer("is_causal", 0) != 0) with(additive(call, causal_condition(call, x), dtype));
  if (call.given(6)) {
    const Ref lengths =
        call.add(Unsqueeze{.axes = {1, 2, 3}}, {call.cast(call.tensor(6), DType::kI64)});
    with(additive(call, call.add(Binary{BinaryFn::kLess}, {places(call, x.k, 2, 0), lengths}),
                  dtype));
  }
  return out;
}

/// y with zeros in the rows that attend to nothing, where a softmax gives no numbers.
Ref without_masked_rows(OnnxCall& call, Ref y, Ref mask) {
  const DType dtype = call.type(mask).dtype;
  const Ref most =
      call.add(Reduce{.kind = ReduceKind::kMax, .axes = {-1}, .keep_axes = true}, {mask});
  const Ref none = call.add(Binary{BinaryFn::kEqual}, {most, call.scalar(-kInfinity, dtype)});
  return call.add(Where{}, {none, call.scalar(0, call.type(y).dtype), y});
}

/// Step by step, for what the op has no place for. The scores: after their product (0), the cap
/// (1), the mask (2), the softmax (3).
OnnxResult in_steps(OnnxCall& call, const Operands& x) {
  const DType dtype = call.type(x.q).dtype;
  const double scale =
      call.number("scale", 1 / std::sqrt(static_cast<double>(call.type(x.q).shape.at(3))));
  const Ref turned = call.add(Transpose{.order = {0, 1, 3, 2}}, {x.k});
  Ref scores = call.with_number(BinaryFn::kMul, call.add(MatMul{}, {x.q, turned}), scale);
  std::vector<Ref> shown{scores};
  if (const double cap = call.number("softcap", 0); cap != 0) {
    scores = call.unary(UnaryFn::kTanh, call.with_number(BinaryFn::kDiv, scores, cap));
    scores = call.with_number(BinaryFn::kMul, scores, cap);
  }
  shown.push_back(scores);
  const auto mask = additive_mask(call, x, dtype);
  if (mask) scores = call.add(Binary{BinaryFn::kAdd}, {scores, *mask});
  shown.push_back(scores);
  const auto precision = dtype_from_onnx(call.integer("softmax_precision", dtype_to_onnx(dtype)));
  if (!precision) fail_unsupported("a softmax_precision that rung lacks");
  scores = call.add(Softmax{.axis = 3}, {call.cast(scores, *precision)});
  scores = call.cast(scores, dtype);
  if (mask) scores = without_masked_rows(call, scores, *mask);
  shown.push_back(scores);
  const int64_t mode = call.integer("qk_matmul_output_mode", 0);
  if (mode < 0 || mode > 3) fail_user("attribute qk_matmul_output_mode is {}", mode);
  return {call.add(MatMul{}, {scores, x.v}), x.present_key, x.present_value,
          shown[static_cast<size_t>(mode)]};
}

OnnxResult natively(OnnxCall& call, const Operands& x) {
  Attention op{.causal = call.integer("is_causal", 0) != 0, .has_mask = call.given(3)};
  if (call.has("scale")) op.scale = call.number("scale");
  std::vector<Ref> in{x.q, x.k, x.v};
  if (op.has_mask) in.push_back(call.tensor(3));
  Ref y = call.add(op, in);
  if (op.has_mask) {
    const DType dtype = call.type(y).dtype;
    y = without_masked_rows(call, y,
                            call.dtype(3) == DType::kBool ? additive(call, in[3], dtype) : in[3]);
  }
  return {y, x.present_key, x.present_value};
}

// q, k, v, mask, past key, past value, lengths of the sequences
OnnxResult attention(OnnxCall& call) {
  const Operands x = read_operands(call);
  const bool causal = call.integer("is_causal", 0) != 0;
  const bool short_mask = call.given(3) && !call.sizes(3).empty() &&
                          call.sizes(3).back().value() != 1 &&
                          call.sizes(3).back().seen != call.sizes_of(x.k).at(2).seen;
  const bool steps = call.used(3) || call.given(6) || short_mask ||
                     call.number("softcap", 0) != 0 || call.has("softmax_precision") ||
                     (causal && (call.given(3) || call.given(4)));
  OnnxResult out = steps ? in_steps(call, x) : natively(call, x);
  if (x.flat) out[0] = heads_together(call, out[0]);
  return out;
}

constexpr OnnxEntry kAttentionRules[] = {
    {"Attention", attention},
    {"RotaryEmbedding", rotary_embedding},
    {"LinearAttention", linear_attention},
};

}  // namespace

OnnxRules attention_onnx() { return kAttentionRules; }

}  // namespace rung::ops
