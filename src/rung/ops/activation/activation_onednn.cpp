#include "rung/ops/kernel.h"
#include "rung/ops/onednn.h"

namespace rung::ops {

void lower(const Unary&, onednn::LowerCall& call) { call.give_up("not yet"); }
void lower(const LeakyRelu&, onednn::LowerCall& call) { call.give_up("not yet"); }
void lower(const Elu&, onednn::LowerCall& call) { call.give_up("not yet"); }
void lower(const Gelu&, onednn::LowerCall& call) { call.give_up("not yet"); }
void lower(const Softplus&, onednn::LowerCall& call) { call.give_up("not yet"); }
void lower(const Clamp&, onednn::LowerCall& call) { call.give_up("not yet"); }
void lower(const PRelu&, onednn::LowerCall& call) { call.give_up("not yet"); }

}  // namespace rung::ops
