#pragma once

#include <concepts>
#include <type_traits>

#include "rung/ops/kernel.h"

namespace rung::onednn {

// Loops over lanes that stay in registers. Each is `omp simd`, as g++ keeps an array in a register
// only then; and what they read through a lambda's capture must have been copied into a local.

// Whole numbers are folded as int64.
template <std::integral T>
inline int64_t load(const T* p) {
  return static_cast<int64_t>(*p);
}
template <std::integral T>
inline void store(T* p, int64_t value) {
  *p = static_cast<T>(value);
}

/// start + x[0] + x[1] + … for any addition `add(sum, element)`, with partial sums that start at
/// `start` too and are put together by `join`.
template <typename Sum, typename T, typename Add, typename Join>
inline Sum fold(const T* x, int64_t count, Sum start, const Add& add, const Join& join) {
  constexpr int kLanes = 32;
  Sum lanes[kLanes];
#pragma omp simd
  for (int l = 0; l < kLanes; ++l) lanes[l] = start;
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
#pragma omp simd
    for (int l = 0; l < kLanes; ++l) lanes[l] = add(lanes[l], load(x + i + l));
  }
  for (int l = 0; i + l < count; ++l) lanes[l] = add(lanes[l], load(x + i + l));
  for (int half = kLanes / 2; half > 0; half /= 2) {
    for (int l = 0; l < half; ++l) lanes[l] = join(lanes[l], lanes[l + half]);
  }
  return lanes[0];
}

/// The greater one; NaN where either is.
inline float greater(float a, float b) { return b > a || b != b ? b : a; }
inline float lesser(float a, float b) { return b < a || b != b ? b : a; }
inline int64_t greater(int64_t a, int64_t b) { return std::max(a, b); }
inline int64_t lesser(int64_t a, int64_t b) { return std::min(a, b); }

/// Calls f(lanes, offset) for pieces of `inner` values side by side: lanes is a constant of 16, 8
/// or 1 (std::integral_constant).
template <typename F>
inline void in_lanes(int64_t inner, const F& f) {
  int64_t at = 0;
  for (; at + 16 <= inner; at += 16) f(std::integral_constant<int, 16>{}, at);
  for (; at + 8 <= inner; at += 8) f(std::integral_constant<int, 8>{}, at);
  for (; at < inner; ++at) f(std::integral_constant<int, 1>{}, at);
}

/// How many items a thread should get at least, where one costs about `work` simple operations.
inline int64_t grain_of(int64_t work) {
  constexpr int64_t kWorth = 32768;  // a few microseconds, some times what waking a thread takes
  return std::max<int64_t>(1, kWorth / std::max<int64_t>(work, 1));
}

/// A kernel over the rows of `plan` (planes × rows(), of columns() × inner values that have `taps`
/// terms each): rows(plan, x, out, begin, end), in vectors, on elements of type T.
template <typename T, typename Plan, typename Rows>
Kernel rows_kernel(Plan plan, int64_t taps, const Rows& rows) {
  const int64_t grain = grain_of(plan.columns() * taps * std::max<int64_t>(1, plan.inner / 8));
  const auto shared = std::make_shared<const Plan>(std::move(plan));
  return [shared, grain, rows](const Pointers& p) {
    const auto* x = reinterpret_cast<const T*>(p.in[0]);
    auto* out = reinterpret_cast<T*>(p.out[0]);
    parallel_for(shared->planes * shared->rows(), grain, [&](int64_t begin, int64_t end) {
      vectorized([&] { rows(*shared, x, out, begin, end); });
    });
  };
}

/// Kernels that compute are over f32 and bf16; gives up on an input of another type: "pools of f64
/// have no kernel".
void need_f32(LowerCall& call, std::string_view what);

}  // namespace rung::onednn
