#include "rung/ops/torchscript.h"

namespace rung::ops {
namespace {

/// x, weight and bias where the call has one; nothing for a map without a batch axis.
std::optional<std::vector<Ref>> operands(AtenCall& call) {
  std::vector<Ref> in{call.tensor(0), call.tensor(1)};
  if (call.type(in[0]).rank() != call.type(in[1]).rank()) return std::nullopt;
  if (call.given(2)) in.push_back(call.tensor(2));
  return in;
}

AtenResult conv(AtenCall& call, Op op) {
  const auto in = operands(call);
  if (!in) return std::nullopt;
  return {{call.add(std::move(op), *in)}};
}

// input, weight, bias, stride, padding, dilation, transposed, output_padding, groups, …
AtenResult convolution(AtenCall& call) {
  if (call.flag(6)) {
    return conv(call, ConvTranspose{.stride = call.integers(3),
                                    .padding = call.integers(4),
                                    .output_padding = call.integers(7),
                                    .dilation = call.integers(5),
                                    .groups = call.integer(8)});
  }
  return conv(call, Conv{.stride = call.integers(3),
                         .padding = call.integers(4),
                         .dilation = call.integers(5),
                         .groups = call.integer(8)});
}

// input, weight, bias, stride, padding, dilation, groups
AtenResult conv_forward(AtenCall& call) {
  if (call.value(4).isString()) return std::nullopt;
  return conv(call, Conv{.stride = call.integers(3),
                         .padding = call.integers(4),
                         .dilation = call.integers(5),
                         .groups = call.integer(6)});
}

// input, weight, bias, stride, padding, output_padding, groups, dilation
AtenResult conv_transposed(AtenCall& call) {
  return conv(call, ConvTranspose{.stride = call.integers(3),
                                  .padding = call.integers(4),
                                  .output_padding = call.integers(5),
                                  .dilation = call.integers(7),
                                  .groups = call.integer(6)});
}

// input, weight, bias, stride, "same" or "valid", dilation, groups
AtenResult conv_mode(AtenCall& call) {
  const auto& weight = call.type(call.tensor(1)).shape;
  const auto dilation = call.integers(5);
  Sizes begin, end;
  for (size_t i = 2; i < weight.size(); ++i) {
    const int64_t d = dilation.size() > 1 ? dilation[i - 2] : dilation.empty() ? 1 : dilation[0];
    const int64_t total = call.text(4) == "same" ? d * (weight[i] - 1) : 0;
    begin.push_back(total / 2);
    end.push_back(total - total / 2);
  }
  Sizes padding = begin;
  if (begin != end) padding.insert(padding.end(), end.begin(), end.end());
  return conv(call, Conv{.stride = call.integers(3),
                         .padding = padding,
                         .dilation = dilation,
                         .groups = call.integer(6)});
}

constexpr AtenEntry kConvRules[] = {
    {"aten::_convolution", convolution},
    {"aten::convolution", convolution},
    {"aten::_convolution_mode", conv_mode},
    {"aten::conv1d", conv_forward},
    {"aten::conv2d", conv_forward},
    {"aten::conv3d", conv_forward},
    {"aten::conv_transpose1d", conv_transposed},
    {"aten::conv_transpose2d", conv_transposed},
    {"aten::conv_transpose3d", conv_transposed},
};

}  // namespace

AtenRules conv_rules() { return kConvRules; }

}  // namespace rung::ops
