#include "rung/ops/fold.h"

#include <fmt/format.h>

namespace rung::onednn {

void need_f32(LowerCall& call, std::string_view what) {
  const DType dtype = call.in_type(0).dtype;
  if (dtype == DType::kF32 || dtype == DType::kBF16) return;
  call.give_up(fmt::format("{} of {} have no kernel", what, name(dtype)));
}

}  // namespace rung::onednn
