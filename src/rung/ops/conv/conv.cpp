#include "rung/ops/conv/conv.h"

#include <algorithm>

#include "rung/base/error.h"
#include "rung/ops/check.h"

namespace rung::ops {

namespace {

constexpr std::string_view kInputs = "x, weight, optional bias";

// What Conv and ConvTranspose ask alike of x, weight and groups.
void check_operands(std::string_view op, Types in, int64_t groups, std::string_view weight_form) {
  check_inputs(op, in, kInputs, 2, 3);
  check_floating(op, in);
  const TensorType& x = in[0];
  const TensorType& weight = in[1];
  check_rank(op, "x", x, "[N, C, S…]", 3, 5);
  check_rank(op, "weight", weight, weight_form, x.rank(), x.rank());
  check_not_empty(op, "x", x, 2);
  if (groups < 1) fail_user("{}: groups {} must be at least 1", op, groups);
  if (x.shape[1] % groups != 0) {
    fail_user("{}: groups {} must divide the {} channels of x {}", op, groups, x.shape[1],
              to_string(x));
  }
  if (weight.shape[0] < groups || weight.shape[0] % groups != 0) {
    fail_user("{}: groups {} must divide the first size of weight {}, which may not be 0", op,
              groups, to_string(weight.shape));
  }
  check_not_empty(op, "weight", weight, 2);
}

void check_bias(std::string_view op, Types in, int64_t channels) {
  if (in.size() < 3) return;
  check_shape(op, "bias", in[2], {channels}, "one per output channel");
}

// What torch.nn.functional.pad asks of a border that is filled from the map itself.
void check_pad_mode(const Conv& op, const TensorType& x, const Border& pad) {
  if (op.pad_mode != PadMode::kReflect && op.pad_mode != PadMode::kCircular) return;
  const bool reflect = op.pad_mode == PadMode::kReflect;
  for (size_t i = 0; i < pad.begin.size(); ++i) {
    const int64_t most = reflect ? x.shape[i + 2] - 1 : x.shape[i + 2];
    if (std::max(pad.begin[i], pad.end[i]) > most) {
      fail_user("Conv: {} padding {} reaches beyond x {}: axis {} allows at most {}",
                reflect ? "reflect" : "circular", to_string(op.padding), to_string(x), i + 2, most);
    }
  }
}

// dilation · (kernel - 1) + 1
int64_t extent(int64_t kernel, int64_t dilation) {
  return checked_add(checked_mul(dilation, kernel - 1), 1);
}

}  // namespace

std::vector<TensorType> infer(const Conv& op, Types in) {
  check_operands(Conv::kName, in, op.groups, "[O, C/groups, K…]");
  const TensorType& x = in[0];
  const TensorType& weight = in[1];
  if (weight.shape[1] != x.shape[1] / op.groups) {
    fail_user(
        "Conv: weight {} expects {} channels per group, x {} has {}; the second size of the weight "
        "must be channels / groups",
        to_string(weight.shape), weight.shape[1], to_string(x), x.shape[1] / op.groups);
  }
  check_bias(Conv::kName, in, weight.shape[0]);

  const size_t axes = x.rank() - 2;
  const Sizes stride = per_axis(Conv::kName, "stride", op.stride, axes, 1, 1);
  const Sizes dilation = per_axis(Conv::kName, "dilation", op.dilation, axes, 1, 1);
  const Border pad = border(Conv::kName, op.padding, axes);
  check_pad_mode(op, x, pad);
  Shape shape = {x.shape[0], weight.shape[0]};
  for (size_t i = 0; i < axes; ++i) {
    const int64_t padded = checked_add(x.shape[i + 2], checked_add(pad.begin[i], pad.end[i]));
    const int64_t window = extent(weight.shape[i + 2], dilation[i]);
    if (window > padded) {
      fail_user(
          "Conv: the kernel of weight {} spans {} on axis {}, x {} has {} there with its padding; "
          "use a smaller kernel or dilation, or more padding",
          to_string(weight.shape), window, i + 2, to_string(x), padded);
    }
    shape.push_back((padded - window) / stride[i] + 1);
  }
  return output(Conv::kName, x.dtype, std::move(shape), filled_map_roles(x));
}

std::vector<TensorType> infer(const ConvTranspose& op, Types in) {
  constexpr std::string_view kName = ConvTranspose::kName;
  check_operands(kName, in, op.groups, "[C, O/groups, K…]");
  const TensorType& x = in[0];
  const TensorType& weight = in[1];
  if (weight.shape[0] != x.shape[1]) {
    fail_user(
        "ConvTranspose: weight {} expects {} channels, x {} has {}; the first size of the weight "
        "must be the channels of x",
        to_string(weight.shape), weight.shape[0], to_string(x), x.shape[1]);
  }
  check_not_empty(kName, "weight", weight, 1);
  const int64_t channels = checked_mul(weight.shape[1], op.groups);
  check_bias(kName, in, channels);

  const size_t axes = x.rank() - 2;
  const Sizes stride = per_axis(kName, "stride", op.stride, axes, 1, 1);
  const Sizes dilation = per_axis(kName, "dilation", op.dilation, axes, 1, 1);
  const Sizes extra = per_axis(kName, "output_padding", op.output_padding, axes, 0, 0);
  const Border pad = border(kName, op.padding, axes);
  Shape shape = {x.shape[0], channels};
  for (size_t i = 0; i < axes; ++i) {
    if (extra[i] >= std::max(stride[i], dilation[i])) {
      fail_user("ConvTranspose: output_padding {} must be smaller than stride {} or dilation {}",
                extra[i], stride[i], dilation[i]);
    }
    const int64_t spread = checked_mul(x.shape[i + 2] - 1, stride[i]);
    const int64_t full =
        checked_add(spread, checked_add(extent(weight.shape[i + 2], dilation[i]), extra[i]));
    const int64_t cut = checked_add(pad.begin[i], pad.end[i]);
    if (cut >= full) {
      fail_user("ConvTranspose: padding {} cuts all {} of axis {} of the output of x {}; use less",
                to_string(op.padding), full, i + 2, to_string(x));
    }
    shape.push_back(full - cut);
  }
  return output(kName, x.dtype, std::move(shape), filled_map_roles(x));
}

// Each output element takes one weight per input channel of its group and kernel position; each
// input element of the transposed form one per output channel of its group and kernel position.
int64_t macs(const Conv&, Types in, Types out) {
  const Shape& weight = in[1].shape;
  return checked_mul(out[0].elements(), element_count(Shape(weight.begin() + 1, weight.end())));
}
int64_t macs(const ConvTranspose&, Types in, Types) {
  const Shape& weight = in[1].shape;
  return checked_mul(in[0].elements(), element_count(Shape(weight.begin() + 1, weight.end())));
}

}  // namespace rung::ops
