#pragma once

#include <string>
#include <vector>

#include "rung/ops/kernel.h"

namespace rung::onednn {

/// One axis of a resampled map: output i is the sum over the taps k of weight[k · out + i] times
/// element index[k · out + i]. One tap has no weight: it is a copy.
struct AxisTaps {
  int64_t in = 0;
  int64_t out = 0;
  int64_t taps = 1;
  std::vector<int64_t> index;
  std::vector<float> weight;
  /// Whether the axis stays as it is.
  bool keeps() const;
};

/// LibTorch's taps, which it computes in float. `factor` is what the caller gave as the scale, or 0
/// where sizes were given.
AxisTaps nearest_taps(int64_t in, int64_t out);
/// As the eager run of a nearest Resize by factors that are not all whole; `wide` for f64.
AxisTaps nearest_taps(int64_t in, int64_t out, double factor, bool wide);
AxisTaps linear_taps(int64_t in, int64_t out, double factor, bool align_corners);
AxisTaps cubic_taps(int64_t in, int64_t out, double factor, bool align_corners);

/// One kernel that resamples the axes of `view`, one to three, from one value to another of the
/// same dtype and layout. Of one tap each, it takes any dtype; else f32 or bf16.
void resample(LowerCall& call, std::string what, const MapView& view,
              const std::vector<AxisTaps>& axes, Ref from, Ref to, DType dtype);

}  // namespace rung::onednn
