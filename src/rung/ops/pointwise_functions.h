#pragma once

// The functions of pointwise kernels, on tiles of floats: loops that become vectors.
#include <cmath>
#include <numbers>

#include "rung/ops/fold.h"
#include "rung/ops/vector_math.h"

namespace rung::onednn {

/// Of Python's sign: the divisor's.
template <std::floating_point T>
inline T remainder_of(T a, T b) {
  const T r = std::fmod(a, b);
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

/// One function of a kernel: acc = f(acc), or with operands, which are inputs of the kernel.
struct Micro {
  enum class Fn : uint8_t {
    kUnary,
    kBinary,
    kClip,
    kLeaky,
    kElu,
    kGelu,
    kGeluTanh,
    kSoftplus,
    kPRelu,
    kMulAdd,
    kMulAddRelu
  };
  Fn fn = Fn::kUnary;
  ops::UnaryFn unary = {};
  ops::BinaryFn binary = {};
  bool swapped = false;  ///< kBinary: acc is the second operand
  float a = 0, b = 0;    ///< kClip low and high; kLeaky slope; kElu alpha and scale; kSoftplus beta
                         ///< and threshold
  std::optional<size_t> operand = {};
  std::optional<size_t> second = {};  ///< kMulAdd: what is added
};

/// What a function reads and writes: acc = f(from), f(from, x) or f(from, x, y). `acc` may be one
/// of them.
struct Lanes {
  const float* from;
  const float* x;
  const float* y;
  float* acc;
  int64_t n;
};

template <typename F>
inline void each(const Lanes& lanes, const F& f) {
  const float* from = lanes.from;
  float* acc = lanes.acc;
#pragma omp simd
  for (int64_t i = 0; i < lanes.n; ++i) acc[i] = f(from[i]);
}
template <typename F>
inline void each_pair(const Lanes& lanes, const F& f) {
  const float* from = lanes.from;
  const float* x = lanes.x;
  float* acc = lanes.acc;
#pragma omp simd
  for (int64_t i = 0; i < lanes.n; ++i) acc[i] = f(from[i], x[i]);
}

template <typename F>
inline void each_three(const Lanes& lanes, const F& f) {
  const float* from = lanes.from;
  const float* x = lanes.x;
  const float* y = lanes.y;
  float* acc = lanes.acc;
#pragma omp simd
  for (int64_t i = 0; i < lanes.n; ++i) acc[i] = f(from[i], x[i], y[i]);
}

inline void clip(const Lanes& l, float low, float high) {
  each(l, [=](float v) {  // as PyTorch: `high` wins where it is below `low`
    const float raised = v < low ? low : v;
    return raised > high ? high : raised;
  });
}
inline void elu(const Lanes& l, float alpha, float scale) {
  each(l, [=](float v) { return scale * (v > 0 ? v : alpha * vec::expm1(v)); });
}

inline void apply(ops::UnaryFn fn, const Lanes& l) {
  using U = ops::UnaryFn;
  switch (fn) {
    case U::kRelu:
      return each(l, [](float v) { return v > 0 || v != v ? v : 0.0F; });
    case U::kRelu6:
      return clip(l, 0, 6);
    case U::kSigmoid:
      return each(l, [](float v) { return vec::sigmoid(v); });
    case U::kTanh:
      return each(l, [](float v) { return vec::tanh(v); });
    case U::kSilu:
      return each(l, [](float v) { return v * vec::sigmoid(v); });
    case U::kMish:
      return each(l, [](float v) { return v > 20 ? v : v * vec::tanh(vec::log1p(vec::exp(v))); });
    case U::kHardSwish:
      return each(l, [](float v) { return v * lesser(greater(v + 3, 0), 6) / 6; });
    case U::kHardSigmoid:
      return each(l, [](float v) { return lesser(greater(v + 3, 0), 6) / 6; });
    case U::kSelu:
      return elu(l, 1.6732632423543772F, 1.0507009873554805F);
    case U::kSoftsign:
      return each(l, [](float v) { return v / (1 + vec::abs(v)); });
    case U::kLogSigmoid:
      return each(l, [](float v) { return lesser(v, 0) - vec::log1p(vec::exp(-vec::abs(v))); });
    case U::kExp:
      return each(l, [](float v) { return vec::exp(v); });
    case U::kLog:
      return each(l, [](float v) { return vec::log(v); });
    case U::kLog1p:
      return each(l, [](float v) { return vec::log1p(v); });
    case U::kSqrt:
      return each(l, [](float v) { return std::sqrt(v); });
    case U::kRsqrt:
      return each(l, [](float v) { return 1 / std::sqrt(v); });
    case U::kSquare:
      return each(l, [](float v) { return v * v; });
    case U::kReciprocal:
      return each(l, [](float v) { return 1 / v; });
    case U::kAbs:
      return each(l, [](float v) { return vec::abs(v); });
    case U::kNeg:
      return each(l, [](float v) { return -v; });
    case U::kSign:
      return each(l, [](float v) { return static_cast<float>((v > 0) - (v < 0)); });
    case U::kErf:
      return each(l, [](float v) { return vec::erf(v); });
    case U::kSin:
      return each(l, [](float v) { return std::sin(v); });
    case U::kCos:
      return each(l, [](float v) { return std::cos(v); });
    case U::kTan:
      return each(l, [](float v) { return std::tan(v); });
    case U::kAtan:
      return each(l, [](float v) { return std::atan(v); });
    case U::kFloor:
      return each(l, [](float v) { return std::floor(v); });
    case U::kCeil:
      return each(l, [](float v) { return std::ceil(v); });
    case U::kRound:
      return each(l, [](float v) { return std::nearbyint(v); });
    case U::kLogicalNot:
      return;  // of bool: not ours
  }
}

inline void apply(ops::BinaryFn fn, const Lanes& l) {
  using B = ops::BinaryFn;
  switch (fn) {
    case B::kAdd:
      return each_pair(l, [](float v, float y) { return v + y; });
    case B::kSub:
      return each_pair(l, [](float v, float y) { return v - y; });
    case B::kMul:
      return each_pair(l, [](float v, float y) { return v * y; });
    case B::kDiv:
      return each_pair(l, [](float v, float y) { return v / y; });
    case B::kPow:
      return each_pair(l, [](float v, float y) { return std::pow(v, y); });
    case B::kMin:
      return each_pair(l, [](float v, float y) { return lesser(v, y); });
    case B::kMax:
      return each_pair(l, [](float v, float y) { return greater(v, y); });
    case B::kRemainder:
      return each_pair(l, remainder_of<float>);
    default:
      return;  // predicates: not ours
  }
}

inline void apply(const Micro& m, const Lanes& l) {
  using Fn = Micro::Fn;
  const float a = m.a, b = m.b;
  constexpr auto kRoot = std::numbers::sqrt2_v<float> / 2;
  switch (m.fn) {
    case Fn::kUnary:
      return apply(m.unary, l);
    case Fn::kBinary:
      if (!m.swapped) return apply(m.binary, l);
      return apply(m.binary, {.from = l.x, .x = l.from, .acc = l.acc, .n = l.n});
    case Fn::kClip:
      return clip(l, a, b);
    case Fn::kLeaky:
      return each(l, [=](float v) { return v > 0 ? v : a * v; });
    case Fn::kElu:
      return elu(l, a, b);
    case Fn::kGelu:
      return each(l, [=](float v) { return 0.5F * v * (1 + vec::erf(v * kRoot)); });
    case Fn::kGeluTanh:
      return each(l, [](float v) {
        constexpr float kScale = 0.7978845608028654F;  // sqrt(2 / pi)
        return 0.5F * v * (1 + vec::tanh(kScale * (v + 0.044715F * v * v * v)));
      });
    case Fn::kSoftplus:
      return each(
          l, [=](float v) { return v * a > b ? v : vec::log1p(vec::exp(lesser(v * a, b))) / a; });
    case Fn::kPRelu:
      return each_pair(l, [](float v, float y) { return v > 0 ? v : y * v; });
    case Fn::kMulAdd:
      return each_three(l, [](float v, float y, float z) { return v * y + z; });
    case Fn::kMulAddRelu:
      return each_three(l, [](float v, float y, float z) {
        const float sum = v * y + z;
        return sum > 0 || sum != sum ? sum : 0.0F;
      });
  }
}

}  // namespace rung::onednn
