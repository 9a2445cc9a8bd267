#include "rung/ops/kernel.h"
#include "rung/ops/onednn.h"

namespace rung::ops {

void lower(const Resize&, onednn::LowerCall& call) { call.give_up("not yet"); }
void lower(const ResizeLike&, onednn::LowerCall& call) { call.give_up("not yet"); }
void lower(const CropLike&, onednn::LowerCall& call) { call.give_up("not yet"); }
void lower(const PadLike&, onednn::LowerCall& call) { call.give_up("not yet"); }
void lower(const TokensToMap&, onednn::LowerCall& call) { call.give_up("not yet"); }

}  // namespace rung::ops
