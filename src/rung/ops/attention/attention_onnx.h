#pragma once

#include "rung/ops/onnx.h"

namespace rung::ops {

/// [N, T, heads · E] -> [N, heads, T, E]
Ref heads_apart(OnnxCall& call, Ref x, int64_t heads);
/// [N, heads, T, E] -> [N, T, heads · E]
Ref heads_together(OnnxCall& call, Ref x);
/// [N, own, S, E] -> [N, heads, S, E]: each head of keys serves several of queries.
Ref heads_repeated(OnnxCall& call, Ref x, int64_t heads);

OnnxResult rotary_embedding(OnnxCall& call);
OnnxResult linear_attention(OnnxCall& call);

}  // namespace rung::ops
