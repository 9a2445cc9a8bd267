#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "rung/tensor/tensor_type.h"

namespace rung::ops {

/// One attribute of an op: its name and its member. `T::fields()` returns the tuple of them, and
/// printing, parsing and JSON (ops/op.h) are written once over that tuple.
template <typename Owner, typename T>
struct Field {
  std::string_view name;
  T Owner::*member;
};
template <typename Owner, typename T>
constexpr Field<Owner, T> field(std::string_view name, T Owner::*member) {
  return {name, member};
}

/// Sizes along spatial axes (one number per axis).
using Sizes = std::vector<int64_t>;
/// The types of a node's inputs or outputs.
using Types = std::span<const TensorType>;

/// How a border is filled.
enum class PadMode { kZeros, kReflect, kReplicate, kCircular };
constexpr std::string_view kPadModeNames[] = {"zeros", "reflect", "replicate", "circular"};
constexpr std::span<const std::string_view> names(PadMode) { return kPadModeNames; }

/// How new samples are made. kLinear is bilinear on two axes; kArea averages (PyTorch's "area").
enum class ResizeMode { kNearest, kLinear, kCubic, kArea };
constexpr std::string_view kResizeModeNames[] = {"nearest", "linear", "cubic", "area"};
constexpr std::span<const std::string_view> names(ResizeMode) { return kResizeModeNames; }

enum class PoolKind { kAverage, kMax };
constexpr std::string_view kPoolKindNames[] = {"average", "max"};
constexpr std::span<const std::string_view> names(PoolKind) { return kPoolKindNames; }

/// Where the smaller of two extents lies in the larger one.
enum class Anchor { kCenter, kBegin, kEnd };
constexpr std::string_view kAnchorNames[] = {"center", "begin", "end"};
constexpr std::span<const std::string_view> names(Anchor) { return kAnchorNames; }

}  // namespace rung::ops
