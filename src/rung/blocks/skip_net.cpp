#include "rung/blocks/skip_net.h"

#include "rung/base/error.h"
#include "rung/blocks/skip_connection.h"

namespace rung::blocks {
namespace {

constexpr int64_t kStages = 3;

Value plain_block(Builder& b, Value x, int64_t out) {
  const ConvOptions conv{.out = out, .kernel = {3}, .padding = {1}};
  x = b.relu("relu", b.conv("conv1", x, conv));
  return b.relu("relu_2", b.conv("conv2", x, conv));
}

Value block(Builder& b, Value x, SkipKind kind, int64_t out) {
  switch (kind) {
    case SkipKind::kAdd:
      return skip_connection_block(b, x, out);
    case SkipKind::kConcat:
      return skip_connection_block_concat(b, x, out);
    case SkipKind::kNone:
      return plain_block(b, x, out);
  }
  fail_bug("a SkipNet block of kind {}", static_cast<int>(kind));
}

}  // namespace

Model skip_net(const SkipNetOptions& options) {
  if (options.depth < 4 || options.depth % 2 != 0) {
    fail_user(
        "a skip_net of depth {}: depth counts a stem, two layers per block and a classifier, "
        "so it is even and at least 4",
        options.depth);
  }
  const int64_t blocks = (options.depth - 2) / 2;
  Builder b;
  Value x = image_input(b, "input", options.in, options.size);
  x = b.conv("stem", x, {.out = options.width, .kernel = {3}, .padding = {1}});
  x = b.relu("relu", x);
  int64_t stage = 0;
  for (int64_t i = 0; i < blocks; ++i) {
    const int64_t next = i * kStages / blocks;
    if (next != stage) x = b.max_pool(fmt::format("pool{}", next), x, 2, 2, 0, true);
    stage = next;
    const std::string name = fmt::format("block{}", i + 1);
    {
      const auto scope = b.scope(name);
      x = block(b, x, options.block, options.width << stage);
    }
    if (options.norm) x = b.batch_norm(fmt::format("norm{}", i + 1), x);
  }
  x = b.flatten("flatten", b.adaptive_pool("avgpool", x, {1, 1}));
  b.output("output", b.linear("fc", x, options.classes));
  return std::move(b).finish();
}

}  // namespace rung::blocks
