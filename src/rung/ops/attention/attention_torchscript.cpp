#include "rung/ops/torchscript.h"

namespace rung::ops {
namespace {

// query, key, value, mask, dropout_p, is_causal, scale (LibTorch 2)
AtenResult attention(AtenCall& call) {
  if (call.number(4) != 0) return std::nullopt;
  Attention op{.causal = call.flag(5), .has_mask = call.given(3)};
  if (call.size() > 6 && call.given(6)) op.scale = call.number(6);
  std::vector<Ref> in{call.tensor(0), call.tensor(1), call.tensor(2)};
  if (op.has_mask) in.push_back(call.tensor(3));
  return {{call.add(op, in)}};
}

constexpr AtenEntry kAttentionRules[] = {{"aten::scaled_dot_product_attention", attention}};

}  // namespace

AtenRules attention_rules() { return kAttentionRules; }

}  // namespace rung::ops
