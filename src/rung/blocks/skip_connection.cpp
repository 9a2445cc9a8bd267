#include "rung/blocks/skip_connection.h"

#include <algorithm>

#include "rung/join/connect.h"

namespace rung::blocks {
namespace {

/// conv1, relu, conv2: [N, C, H, W] -> [N, width, H, W]
Value two_convs(Builder& b, Value x, int64_t width) {
  const ConvOptions conv{.out = width, .kernel = {3}, .padding = {1}};
  return b.conv("conv2", b.relu("relu", b.conv("conv1", x, conv)), conv);
}

}  // namespace

Value skip_connection_block(Builder& b, Value x, int64_t out) {
  const Value y = two_convs(b, x, out);
  return b.relu("relu_2", connect(b, x, y,
                                  {.merge = "add",
                                   .align = Align::kNone,
                                   .project = Project::kAlways,
                                   .projection_name = "skip_projection"}));
}

Value skip_connection_block_concat(Builder& b, Value x, int64_t out) {
  const Value y = two_convs(b, x, std::max<int64_t>(out / 2, 1));
  return b.relu("relu_2", connect(b, x, y,
                                  {.merge = "concat",
                                   .align = Align::kNone,
                                   .out = out,
                                   .reduction_name = "concat_projection"}));
}

Value skip_connection_rnn(Builder& b, Value x, int64_t hidden) {
  const Value sequence = b.lstm("lstm", x, {.hidden = hidden});
  const Value last = b.add("last", ops::Slice{.axis = 1, .begin = -1}, {sequence});
  const Value step = b.linear("linear", last, b.type(x).shape.back());
  return connect(b, sequence, step, {.merge = "prepend", .projection_name = "sequence_projection"});
}

Model skip_connection_block(const SkipBlockOptions& options) {
  Builder b;
  const Value x = image_input(b, "x", options.in, options.size);
  b.output("output", skip_connection_block(b, x, options.out));
  return std::move(b).finish();
}

Model skip_connection_block_concat(const SkipBlockOptions& options) {
  Builder b;
  const Value x = image_input(b, "x", options.in, options.size);
  b.output("output", skip_connection_block_concat(b, x, options.out));
  return std::move(b).finish();
}

Model skip_connection_rnn(const SkipRnnOptions& options) {
  Builder b;
  const Value x = b.input("x", {DType::kF32, {1, options.time, options.input}, sequence_roles()});
  b.output("output", skip_connection_rnn(b, x, options.hidden));
  return std::move(b).finish();
}

}  // namespace rung::blocks
