#include "rung/blocks/encoder.h"

#include <fmt/format.h>

namespace rung::blocks {

std::vector<Value> encoder_stages(Builder& b, Value x, int64_t base, int64_t stages) {
  std::vector<Value> out;
  for (int64_t stage = 0; stage < stages; ++stage) {
    const auto scope = b.scope(fmt::format("stage{}", stage + 1));
    if (stage > 0) x = b.max_pool("pool", x, 2, 2, 0, /*ceil_mode=*/true);
    x = double_conv(b, x, base << stage);
    out.push_back(x);
  }
  return out;
}

Model encoder(const EncoderOptions& options) {
  Builder b;
  const Value x = image_input(b, "input", options.in, options.size);
  b.output("output", encoder_stages(b, x, options.base, options.stages).back());
  return std::move(b).finish();
}

}  // namespace rung::blocks
