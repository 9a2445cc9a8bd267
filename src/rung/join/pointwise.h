#pragma once

#include <string>

#include "rung/graph/builder.h"

namespace rung {

/// The axis that holds channels or features: 1 of a map or vector, the last of a sequence.
size_t channel_axis(const TensorType& type);
/// Its size.
int64_t channels(const TensorType& type);
/// The axis of time of a sequence [N, T, F], or the only extent of [N, C, L].
size_t time_axis(const TensorType& type);

enum class PointwiseStart {
  kRandom,
  kZero,      ///< weights and bias zero
  kIdentity,  ///< hands the first channels on unchanged
};

/// A linear map of channels at every place: a 1×1 convolution with `stride` on a map, a linear
/// layer on a sequence or vector. Weights `name.weight` and `name.bias`.
Value pointwise(Builder& builder, const std::string& name, Value x, int64_t out,
                PointwiseStart start = PointwiseStart::kRandom, const ops::Sizes& stride = {1});

}  // namespace rung
