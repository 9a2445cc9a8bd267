#pragma once

#include "rung/ops/fields.h"

namespace rung::ops {

/// (x - mean) / sqrt(var + eps) · weight + bias per channel (axis 1), torch.nn.BatchNormNd.
///   inputs  x [N, C, …], weight [C] and bias [C] where affine, running_mean [C] and running_var
///           [C] where track;  output as x
/// In training (or without track) mean and variance are the batch's, and the running ones move
/// by `momentum`; in evaluation they are the running ones.
struct BatchNorm {
  static constexpr std::string_view kName = "BatchNorm";
  double eps = 1e-5;
  double momentum = 0.1;
  bool affine = true;
  bool track = true;
  static constexpr auto fields() {
    return std::make_tuple(field("eps", &BatchNorm::eps), field("momentum", &BatchNorm::momentum),
                           field("affine", &BatchNorm::affine), field("track", &BatchNorm::track));
  }
  bool operator==(const BatchNorm&) const = default;
};

/// Normalises over the last `axes` axes, torch.nn.LayerNorm.
///   inputs  x, weight and bias [last axes of x] where affine;  output as x
struct LayerNorm {
  static constexpr std::string_view kName = "LayerNorm";
  int64_t axes = 1;
  double eps = 1e-5;
  bool affine = true;
  static constexpr auto fields() {
    return std::make_tuple(field("axes", &LayerNorm::axes), field("eps", &LayerNorm::eps),
                           field("affine", &LayerNorm::affine));
  }
  bool operator==(const LayerNorm&) const = default;
};

/// Normalises each group of channels of each sample, torch.nn.GroupNorm.
///   inputs  x [N, C, …], weight [C] and bias [C] where affine;  output as x
struct GroupNorm {
  static constexpr std::string_view kName = "GroupNorm";
  int64_t groups = 1;
  double eps = 1e-5;
  bool affine = true;
  static constexpr auto fields() {
    return std::make_tuple(field("groups", &GroupNorm::groups), field("eps", &GroupNorm::eps),
                           field("affine", &GroupNorm::affine));
  }
  bool operator==(const GroupNorm&) const = default;
};

/// Normalises each channel of each sample by its own statistics, torch.nn.InstanceNormNd without
/// running ones.  inputs  x [N, C, S…], weight [C] and bias [C] where affine;  output as x
struct InstanceNorm {
  static constexpr std::string_view kName = "InstanceNorm";
  double eps = 1e-5;
  bool affine = true;
  static constexpr auto fields() {
    return std::make_tuple(field("eps", &InstanceNorm::eps),
                           field("affine", &InstanceNorm::affine));
  }
  bool operator==(const InstanceNorm&) const = default;
};

std::vector<TensorType> infer(const BatchNorm&, Types in);
std::vector<TensorType> infer(const LayerNorm&, Types in);
std::vector<TensorType> infer(const GroupNorm&, Types in);
std::vector<TensorType> infer(const InstanceNorm&, Types in);
int64_t macs(const BatchNorm&, Types in, Types out);
int64_t macs(const LayerNorm&, Types in, Types out);
int64_t macs(const GroupNorm&, Types in, Types out);
int64_t macs(const InstanceNorm&, Types in, Types out);

}  // namespace rung::ops
