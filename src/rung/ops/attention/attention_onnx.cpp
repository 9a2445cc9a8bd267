#include <cmath>
#include <limits>

#include "rung/base/error.h"
#include "rung/ops/onnx.h"

namespace rung::ops {
namespace {

/// [N, T, heads · E] -> [N, heads, T, E]
Ref heads_apart(OnnxCall& call, Ref x, int64_t heads) {
  const int64_t width = call.type(x).shape.at(2);
  if (heads < 1 || width % heads != 0) fail_user("{} features in {} heads", width, heads);
  const Ref parts = call.add(Reshape{.shape = {0, 0, heads, width / heads}}, {x});
  return call.add(Transpose{.order = {0, 2, 1, 3}}, {parts});
}

/// [N, heads, T, E] -> [N, T, heads · E]
Ref heads_together(OnnxCall& call, Ref x) {
  const Ref turned = call.add(Transpose{.order = {0, 2, 1, 3}}, {x});
  return call.add(Flatten{.first = 2, .last = 3}, {turned});
}

// q, k, v, mask, past key, past value, …
OnnxResult attention(OnnxCall& call) {
  const auto wanted = [&](size_t i) { return call.results() > i && call.used(i); };
  if (call.given(4) || call.given(5) || call.given(6) || wanted(1) || wanted(2) || wanted(3)) {
    fail_unsupported("Attention with past keys and values, or with results besides the first");
  }
  if (call.number("softcap", 0) != 0) fail_unsupported("Attention with softcap");
  if (call.has("softmax_precision")) fail_unsupported("Attention with softmax_precision");
  Ref q = call.tensor(0), k = call.tensor(1), v = call.tensor(2);
  const bool flat = call.rank(0) == 3;
  if (flat) {
    const int64_t q_heads = call.integer("q_num_heads"), kv_heads = call.integer("kv_num_heads");
    q = heads_apart(call, q, q_heads);
    k = heads_apart(call, k, kv_heads);
    v = heads_apart(call, v, kv_heads);
  }
  const int64_t q_heads = call.type(q).shape.at(1), kv_heads = call.type(k).shape.at(1);
  if (q_heads != kv_heads) {  // each head of keys serves several of queries
    if (kv_heads < 1 || q_heads % kv_heads != 0) fail_user("{} and {} heads", q_heads, kv_heads);
    for (Ref* x : {&k, &v}) {
      const Shape shape = call.type(*x).shape;
      Ref y = call.add(Unsqueeze{.axes = {2}}, {*x});
      y = call.add(Expand{.shape = {-1, -1, q_heads / kv_heads, -1, -1}}, {y});
      *x = call.add(Flatten{.first = 1, .last = 2}, {y});
    }
  }
  Attention op{.causal = call.integer("is_causal", 0) != 0, .has_mask = call.given(3)};
  if (call.has("scale")) op.scale = call.number("scale");
  if (op.causal && op.has_mask) fail_unsupported("Attention with a mask and is_causal");
  std::vector<Ref> in{q, k, v};
  if (op.has_mask) in.push_back(call.tensor(3));
  Ref y = call.add(op, in);
  if (op.has_mask && call.dtype(3) == DType::kBool) {  // a row that attends to nothing gives zeros
    const Ref any = call.add(Reduce{.kind = ReduceKind::kMax, .axes = {-1}, .keep_axes = true},
                             {call.cast(in[3], call.type(y).dtype)});
    y = call.add(Where{}, {call.cast(any, DType::kBool), y, call.scalar(0, call.type(y).dtype)});
  }
  return {flat ? heads_together(call, y) : y};
}

/// x with the halves of its last axis (or its even and odd places) turned by angles.
Ref rotated(OnnxCall& call, Ref x, Ref cosine, Ref sine, bool interleaved) {
  const int64_t width = call.type(x).shape.back();
  const int64_t half = width / 2;
  const auto part = [&](int64_t begin, int64_t end, int64_t step) {
    return call.add(Slice{.axis = -1, .begin = begin, .end = end, .step = step}, {x});
  };
  const Ref a = interleaved ? part(0, INT64_MAX, 2) : part(0, half, 1);
  const Ref b = interleaved ? part(1, INT64_MAX, 2) : part(half, INT64_MAX, 1);
  const auto mix = [&](Ref p, Ref q, BinaryFn fn) {
    return call.binary(fn, call.binary(BinaryFn::kMul, p, cosine),
                       call.binary(BinaryFn::kMul, q, sine));
  };
  const Ref real = mix(a, b, BinaryFn::kSub), imaginary = mix(b, a, BinaryFn::kAdd);
  if (!interleaved) return call.add(Concat{.axis = -1}, {real, imaginary});
  const Ref pairs =
      call.add(Stack{.axis = static_cast<int64_t>(call.type(x).rank())}, {real, imaginary});
  const auto rank = static_cast<int64_t>(call.type(pairs).rank());
  return call.add(Flatten{.first = rank - 2, .last = rank - 1}, {pairs});
}

// x [N, heads, T, E] or [N, T, heads · E], cosines and sines of angles, places of the steps
OnnxResult rotary_embedding(OnnxCall& call) {
  Ref x = call.tensor(0);
  const bool flat = call.rank(0) == 3;
  if (flat) {
    const int64_t heads = call.integer("num_heads"), width = call.type(x).shape.at(2);
    if (heads < 1 || width % heads != 0) fail_user("{} features in {} heads", width, heads);
    x = call.add(Reshape{.shape = {0, 0, heads, width / heads}}, {x});
  } else {
    x = call.add(Transpose{.order = {0, 2, 1, 3}}, {x});
  }  // [N, T, heads, E]
  const int64_t width = call.type(x).shape.at(3);
  const int64_t turned = call.integer("rotary_embedding_dim", 0);
  const int64_t used = turned == 0 ? width : turned;
  const auto angles = [&](size_t i) {
    Ref table = call.tensor(i);
    if (call.given(3)) {
      table = call.add(Gather{.axis = 0}, {table, call.cast(call.tensor(3), DType::kI64)});
    }
    if (call.type(table).shape.back() > used / 2) {
      table = call.add(Slice{.axis = -1, .begin = 0, .end = used / 2}, {table});
    }
    return call.add(Unsqueeze{.axes = {2}}, {table});
  };
  const Ref cosine = angles(1), sine = angles(2);
  const bool interleaved = call.integer("interleaved", 0) != 0;
  Ref y = 0;
  if (used == width) {
    y = rotated(call, x, cosine, sine, interleaved);
  } else {
    const Ref part = call.add(Slice{.axis = 3, .begin = 0, .end = used}, {x});
    const Ref rest = call.add(Slice{.axis = 3, .begin = used}, {x});
    y = call.add(Concat{.axis = 3}, {rotated(call, part, cosine, sine, interleaved), rest});
  }
  if (flat) return {call.add(Flatten{.first = 2, .last = 3}, {y})};
  return {call.add(Transpose{.order = {0, 2, 1, 3}}, {y})};
}

constexpr OnnxEntry kRules[] = {
    {"RotaryEmbedding", rotary_embedding},
    {"Attention", attention},
};

}  // namespace

OnnxRules attention_onnx() { return kRules; }

}  // namespace rung::ops
