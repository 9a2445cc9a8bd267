#pragma once

#include <string>

#include "rung/graph/builder.h"

namespace rung {

/// [N, S…, C], with one axis of space or time more than a sequence has: (batch, two or three of
/// space or time, channel or feature).
bool is_channels_last(const TensorType& type);
/// [T, N, F], as recurrent and attention layers within other programs' files have it.
bool is_time_first(const TensorType& type);
/// The axis that holds channels or features: 1 of a map, else the last.
size_t channel_axis(const TensorType& type);
/// Its size.
int64_t channels(const TensorType& type);
/// The axes of space or time of any of these layouts; none of a vector, or of axes not known.
ops::Sizes extent_axes(const TensorType& type);
/// The only one of them, of a sequence or a map of one axis.
size_t time_axis(const TensorType& type);

enum class PointwiseStart {
  kRandom,
  kZero,      ///< weights and bias zero
  kIdentity,  ///< hands the first channels on unchanged
};

/// A linear map of channels at every place: a 1×1 convolution with `stride` on a map [N, C, S…], a
/// linear layer where channels or features are the last axis. Weights `name.weight` and
/// `name.bias`.
Value pointwise(Builder& builder, const std::string& name, Value x, int64_t out,
                PointwiseStart start = PointwiseStart::kRandom, const ops::Sizes& stride = {1});

}  // namespace rung
