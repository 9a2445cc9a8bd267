#include "rung/ops/kernel.h"
#include "rung/ops/onednn.h"

namespace rung::ops {

void lower(const Pad&, onednn::LowerCall& call) { call.give_up("not yet"); }
void lower(const Slice&, onednn::LowerCall& call) { call.give_up("not yet"); }
void lower(const Concat&, onednn::LowerCall& call) { call.give_up("not yet"); }
void lower(const Split&, onednn::LowerCall& call) { call.give_up("not yet"); }
void lower(const Stack&, onednn::LowerCall& call) { call.give_up("not yet"); }
void lower(const Reshape&, onednn::LowerCall& call) { call.give_up("not yet"); }
void lower(const Flatten&, onednn::LowerCall& call) { call.give_up("not yet"); }
void lower(const Transpose&, onednn::LowerCall& call) { call.give_up("not yet"); }
void lower(const Squeeze&, onednn::LowerCall& call) { call.give_up("not yet"); }
void lower(const Unsqueeze&, onednn::LowerCall& call) { call.give_up("not yet"); }
void lower(const Expand&, onednn::LowerCall& call) { call.give_up("not yet"); }

}  // namespace rung::ops
