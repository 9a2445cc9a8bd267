#include "rung/ops/kernel.h"
#include "rung/ops/onednn.h"

namespace rung::ops {

void lower(const Dropout&, onednn::LowerCall& call) { call.give_up("not yet"); }
void lower(const Cast&, onednn::LowerCall& call) { call.give_up("not yet"); }
void lower(const Detach&, onednn::LowerCall& call) { call.give_up("not yet"); }
void lower(const FullLike&, onednn::LowerCall& call) { call.give_up("not yet"); }
void lower(const ArangeLike&, onednn::LowerCall& call) { call.give_up("not yet"); }
void lower(const Opaque&, onednn::LowerCall& call) { call.give_up("not yet"); }

}  // namespace rung::ops
