#include <algorithm>

#include "rung/base/error.h"
#include "rung/ops/conv/conv_onnx.h"
#include "rung/ops/window_onnx.h"

namespace rung::ops {
namespace {

std::vector<Ref> operands(OnnxCall& call) {
  std::vector<Ref> in{call.tensor(0), call.tensor(1)};
  if (call.given(2)) in.push_back(call.tensor(2));
  return in;
}

}  // namespace

Ref conv_of(OnnxCall& call, const std::vector<Ref>& in) {
  const Shape weight = call.type(in[1]).shape;
  if (weight.size() < 3)
    fail_user("the weight of Conv has {} axes; 3 to 5 are needed", weight.size());
  const Sizes kernel(weight.begin() + 2, weight.end());
  const Window window = read_window(call, kernel);
  return call.add(Conv{.stride = window.stride,
                       .padding = window.padding(),
                       .dilation = window.dilation,
                       .groups = call.integer("group", 1)},
                  in);
}

namespace {

OnnxResult conv(OnnxCall& call) { return {conv_of(call, operands(call))}; }

OnnxResult conv_transpose(OnnxCall& call) {
  const std::vector<Ref> in = operands(call);
  const Shape weight = call.type(in[1]).shape;
  const size_t axes = weight.size() < 2 ? 0 : weight.size() - 2;
  ConvTranspose op{.stride = call.integers("strides", Sizes(axes, 1)),
                   .output_padding = call.integers("output_padding", Sizes(axes, 0)),
                   .dilation = call.integers("dilations", Sizes(axes, 1)),
                   .groups = call.integer("group", 1)};
  const std::string mode = call.text("auto_pad", "NOTSET");
  if (call.has("output_shape") || mode == "SAME_UPPER" || mode == "SAME_LOWER") {
    Sizes size = call.integers("output_shape");
    if (size.size() > axes) size.erase(size.begin(), size.end() - static_cast<int64_t>(axes));
    if (!size.empty() && size.size() != axes) fail_user("output_shape has {} sizes", size.size());
    const bool asked = !size.empty();
    const Dims x = call.sizes(0);
    Sizes begin(axes), end(axes);
    for (size_t i = 0; i < axes; ++i) {
      if (x.at(i + 2).varies()) call.fix({x[i + 2]});
      if (!asked) size.push_back(x[i + 2].value() * op.stride.at(i));
      const int64_t total = op.stride.at(i) * (x[i + 2].value() - 1) + op.output_padding.at(i) +
                            (weight[i + 2] - 1) * op.dilation.at(i) + 1 - size.at(i);
      const int64_t half = total / 2;
      begin[i] = mode == "SAME_UPPER" ? half : total - half;
      end[i] = total - begin[i];
      // Where there is too little, the rest is padding of the output.
      if (total < 0) {
        op.output_padding[i] -= total;
        begin[i] = end[i] = 0;
      }
    }
    op.padding = begin;
    op.padding.insert(op.padding.end(), end.begin(), end.end());
  } else if (mode == "NOTSET") {
    op.padding = call.integers("pads", Sizes(2 * axes, 0));
  }
  return {call.add(op, in)};
}

// x [N, C, T], a kernel per channel [C, 1, K], a bias, the last K - 1 steps before x
OnnxResult causal_conv_with_state(OnnxCall& call) {
  const std::string activation = call.text("activation", "none");
  const bool silu = activation == "silu" || activation == "swish";
  if (!silu && activation != "none" && !activation.empty()) {
    fail_user("attribute activation is '{}'; it is none, silu or swish", activation);
  }
  const Dims sizes = call.sizes(0);
  const Shape weight = call.type(call.tensor(1)).shape;
  if (sizes.size() != 3 || weight.size() != 3) {
    fail_unsupported("CausalConvWithState over {} axes", std::max<size_t>(sizes.size(), 2) - 2);
  }
  const int64_t before = weight[2] - 1;
  Ref x = call.tensor(0);
  if (call.given(3)) {
    x = call.add(Concat{.axis = 2}, {call.cast(call.tensor(3), call.type(x).dtype), x});
  } else {
    x = call.add(Pad{.begin = {0, 0, before}, .end = {0, 0, 0}}, {x});
  }
  std::vector<Ref> in{x, call.tensor(1)};
  if (call.given(2)) in.push_back(call.tensor(2));
  Ref y = call.add(Conv{.stride = {1}, .groups = weight[0]}, in);
  if (silu) y = call.unary(UnaryFn::kSilu, y);
  Ref state = 0;
  if (call.used(1)) {
    if (before < 1) fail_unsupported("the state of a kernel of one step");
    state = call.add(Slice{.axis = 2, .begin = -before}, {x});
  }
  return {y, state};
}

constexpr OnnxEntry kConvRules[] = {
    {"Conv", conv},
    {"ConvTranspose", conv_transpose},
    {"CausalConvWithState", causal_conv_with_state},
    {"Col2Im", col2im},
    {"DeformConv", deform_conv},
};

}  // namespace

OnnxRules conv_onnx() { return kConvRules; }

}  // namespace rung::ops
