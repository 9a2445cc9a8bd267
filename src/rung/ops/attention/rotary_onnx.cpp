#include "rung/base/error.h"
#include "rung/ops/attention/attention_onnx.h"

namespace rung::ops {
namespace {

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

}  // namespace

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

}  // namespace rung::ops
