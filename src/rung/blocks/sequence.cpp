#include "rung/blocks/sequence.h"

#include "rung/graph/builder.h"

namespace rung::blocks {

Model lstm(const LstmOptions& options) {
  Builder b;
  Value x = b.input("input", {DType::kF32, {1, options.time, options.in}, sequence_roles()});
  x = b.lstm("lstm", x, {.hidden = options.hidden, .layers = options.layers});
  x = b.add("last_step", ops::Slice{.axis = 1, .begin = -1}, {x});
  x = b.add("last", ops::Squeeze{.axes = {1}}, {x});
  b.output("output", b.linear("head", x, options.out));
  return std::move(b).finish();
}

}  // namespace rung::blocks
