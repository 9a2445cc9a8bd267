#pragma once

// Random ops with inputs that fit them, for the test of eager execution.
#include <string>
#include <vector>

#include "rung/base/rng.h"
#include "rung/ops/op.h"

namespace rung::ops {

/// How the elements of an input are drawn.
enum class Draw {
  kNormal,
  kPositive,  ///< 0.5 to 2
  kUnit,      ///< -1 to 1
  kSpread,    ///< 0.1 k + 0.033, all different: nothing ties or lies on a kink
  kWhole,     ///< whole numbers from `low` to `high`
};

struct CaseInput {
  TensorType type;
  Draw draw = Draw::kNormal;
  int64_t low = 0;
  int64_t high = 1;
  bool trainable = true;  ///< false: a buffer, whose gradient nobody defines
};

enum class Gradient {
  kSmooth,   ///< that of finite differences
  kRounded,  ///< passed through, but finite differences are void
  kCut,      ///< none
};

struct Case {
  Op op;
  std::vector<CaseInput> inputs;
  bool training = false;
  Gradient gradient = Gradient::kSmooth;
};

// What generators have in common.
inline CaseInput floats(Shape shape, Draw draw = Draw::kNormal) {
  return {.type = {DType::kF32, std::move(shape)}, .draw = draw};
}
inline CaseInput integers(Shape shape, int64_t low, int64_t high, DType dtype = DType::kI64) {
  return {.type = {dtype, std::move(shape)}, .draw = Draw::kWhole, .low = low, .high = high};
}
inline bool chance(Rng& rng, double probability) { return rng.uniform() < probability; }
template <typename T>
const T& pick(Rng& rng, const std::vector<T>& choices) {
  return choices[static_cast<size_t>(rng.integer(0, static_cast<int64_t>(choices.size()) - 1))];
}
/// Any value of an enum.
template <typename E>
E pick_enum(Rng& rng) {
  return static_cast<E>(rng.integer(0, static_cast<int64_t>(names(E{}).size()) - 1));
}
/// `count` sizes from `low` to `high`.
inline Sizes sizes(Rng& rng, size_t count, int64_t low, int64_t high) {
  Sizes out(count);
  for (auto& size : out) size = rng.integer(low, high);
  return out;
}
/// A shape of that rank, now and then with an empty axis.
inline Shape any_shape(Rng& rng, size_t min_rank, size_t max_rank, int64_t max_size = 5) {
  const auto rank = rng.integer(static_cast<int64_t>(min_rank), static_cast<int64_t>(max_rank));
  Shape shape = sizes(rng, static_cast<size_t>(rank), 1, max_size);
  if (!shape.empty() && chance(rng, 0.05)) {
    shape[static_cast<size_t>(rng.integer(0, rank - 1))] = 0;
  }
  return shape;
}
/// An axis of a rank, counted from either end.
inline int64_t any_axis(Rng& rng, size_t rank) {
  const auto n = static_cast<int64_t>(rank);
  return rng.integer(-n, n - 1);
}
/// [N, C, S…] with `axes` spatial axes of `low` to `high`.
inline Shape map_shape(Rng& rng, size_t axes, int64_t low, int64_t high) {
  Shape shape = sizes(rng, 2, 1, 4);
  for (const int64_t size : sizes(rng, axes, low, high)) shape.push_back(size);
  return shape;
}

/// The generator of an op: one overload each, so that an op without one does not compile.
template <typename T>
struct For {};
#define RUNG_DECLARE_CASE(T) Case random_case(For<T>, Rng& rng)
RUNG_DECLARE_CASE(Conv);
RUNG_DECLARE_CASE(ConvTranspose);
RUNG_DECLARE_CASE(Linear);
RUNG_DECLARE_CASE(MatMul);
RUNG_DECLARE_CASE(BatchNorm);
RUNG_DECLARE_CASE(LayerNorm);
RUNG_DECLARE_CASE(GroupNorm);
RUNG_DECLARE_CASE(InstanceNorm);
RUNG_DECLARE_CASE(Recurrent);
RUNG_DECLARE_CASE(Pool);
RUNG_DECLARE_CASE(AdaptivePool);
RUNG_DECLARE_CASE(Resize);
RUNG_DECLARE_CASE(ResizeLike);
RUNG_DECLARE_CASE(CropLike);
RUNG_DECLARE_CASE(PadLike);
RUNG_DECLARE_CASE(TokensToMap);
RUNG_DECLARE_CASE(Pad);
RUNG_DECLARE_CASE(Slice);
RUNG_DECLARE_CASE(Concat);
RUNG_DECLARE_CASE(Split);
RUNG_DECLARE_CASE(Stack);
RUNG_DECLARE_CASE(Reshape);
RUNG_DECLARE_CASE(Flatten);
RUNG_DECLARE_CASE(Transpose);
RUNG_DECLARE_CASE(Squeeze);
RUNG_DECLARE_CASE(Unsqueeze);
RUNG_DECLARE_CASE(Expand);
RUNG_DECLARE_CASE(Reduce);
RUNG_DECLARE_CASE(Softmax);
RUNG_DECLARE_CASE(Unary);
RUNG_DECLARE_CASE(LeakyRelu);
RUNG_DECLARE_CASE(Elu);
RUNG_DECLARE_CASE(Gelu);
RUNG_DECLARE_CASE(Softplus);
RUNG_DECLARE_CASE(Clamp);
RUNG_DECLARE_CASE(PRelu);
RUNG_DECLARE_CASE(Binary);
RUNG_DECLARE_CASE(Where);
RUNG_DECLARE_CASE(Embedding);
RUNG_DECLARE_CASE(Gather);
RUNG_DECLARE_CASE(Attention);
RUNG_DECLARE_CASE(Dropout);
RUNG_DECLARE_CASE(Cast);
RUNG_DECLARE_CASE(Detach);
RUNG_DECLARE_CASE(FullLike);
RUNG_DECLARE_CASE(ArangeLike);
RUNG_DECLARE_CASE(Opaque);
#undef RUNG_DECLARE_CASE

}  // namespace rung::ops
