#pragma once

#include "rung/ops/fields.h"

namespace rung::ops {

/// Cross-correlation over 1, 2 or 3 axes, torch.nn.ConvNd.
///   inputs  x [N, C, S…], weight [O, C/groups, K…], optional bias [O]
///   output  [N, O, (S + pad_begin + pad_end - dilation·(K - 1) - 1) / stride + 1 …]
/// Roles of x are kept, unknown ones become (batch, channel, space …). Throws where ranks, channels
/// or groups do not fit, or the kernel is larger than the padded input.
struct Conv {
  static constexpr std::string_view kName = "Conv";
  Sizes stride;    ///< one per spatial axis, or one for all (so for the others); empty: 1
  Sizes padding;   ///< one per axis (both ends), or all begins, then all ends; empty: 0
  Sizes dilation;  ///< one per axis; empty: 1
  int64_t groups = 1;
  PadMode pad_mode = PadMode::kZeros;
  static constexpr auto fields() {
    return std::make_tuple(field("stride", &Conv::stride), field("padding", &Conv::padding),
                           field("dilation", &Conv::dilation), field("groups", &Conv::groups),
                           field("pad_mode", &Conv::pad_mode));
  }
  bool operator==(const Conv&) const = default;
};

/// The gradient of Conv with respect to its input, torch.nn.ConvTransposeNd.
///   inputs  x [N, C, S…], weight [C, O/groups, K…], optional bias [O]
///   output  [N, O, (S - 1)·stride - pad_begin - pad_end + dilation·(K - 1) + output_padding + 1 …]
struct ConvTranspose {
  static constexpr std::string_view kName = "ConvTranspose";
  Sizes stride;          ///< empty: 1
  Sizes padding;         ///< as in Conv
  Sizes output_padding;  ///< one per axis; empty: 0
  Sizes dilation;        ///< empty: 1
  int64_t groups = 1;
  static constexpr auto fields() {
    return std::make_tuple(
        field("stride", &ConvTranspose::stride), field("padding", &ConvTranspose::padding),
        field("output_padding", &ConvTranspose::output_padding),
        field("dilation", &ConvTranspose::dilation), field("groups", &ConvTranspose::groups));
  }
  bool operator==(const ConvTranspose&) const = default;
};

std::vector<TensorType> infer(const Conv&, Types in);
std::vector<TensorType> infer(const ConvTranspose&, Types in);
int64_t macs(const Conv&, Types in, Types out);
int64_t macs(const ConvTranspose&, Types in, Types out);

}  // namespace rung::ops
