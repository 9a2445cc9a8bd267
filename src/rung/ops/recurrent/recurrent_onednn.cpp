#include "rung/ops/kernel.h"
#include "rung/ops/onednn.h"

namespace rung::ops {

void lower(const Recurrent&, onednn::LowerCall& call) { call.give_up("not yet"); }

}  // namespace rung::ops
