#pragma once

// What kernels of our own are made of: threads, vectors, bf16.
#include <omp.h>

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstdint>

#include "rung/ops/onednn.h"

namespace rung::onednn {

/// This thread's number of OpenMP threads, for a while.
class ThreadScope {
 public:
  explicit ThreadScope(int threads) : before_(omp_get_max_threads()) {
    omp_set_num_threads(threads);
  }
  ~ThreadScope() { omp_set_num_threads(before_); }
  ThreadScope(const ThreadScope&) = delete;
  ThreadScope& operator=(const ThreadScope&) = delete;

 private:
  int before_;
};

/// Splits [0, count) among the threads of the run (those that the caller of the program asked for),
/// in pieces of at least `grain`; body(begin, end, worker), workers counted from 0. (Not
/// omp_get_thread_num(): the caller may be one of a team itself.) Small work stays on the calling
/// thread. A body that throws ends the process: kernels check before they spread.
template <typename Body>
requires std::invocable<const Body&, int64_t, int64_t, int64_t>
void parallel_for(int64_t count, int64_t grain, const Body& body) {
  const int64_t pieces =
      std::min<int64_t>(omp_get_max_threads(), (count + grain - 1) / std::max<int64_t>(grain, 1));
  if (pieces <= 1) {
    if (count > 0) body(int64_t{0}, count, int64_t{0});
    return;
  }
#pragma omp parallel num_threads(static_cast <int>(pieces))
  {
    const int64_t n = omp_get_num_threads(), i = omp_get_thread_num();
    const int64_t begin = count * i / n, end = count * (i + 1) / n;
    if (begin < end) body(begin, end, i);
  }
}
/// The same for body(begin, end).
template <typename Body>
requires std::invocable<const Body&, int64_t, int64_t>
void parallel_for(int64_t count, int64_t grain, const Body& body) {
  parallel_for(count, grain, [&](int64_t begin, int64_t end, int64_t) { body(begin, end); });
}

/// Runs `body` compiled for the widest vectors of this CPU. What it calls must be inline; the loops
/// in it are the compiler's to vectorise. Stands inside parallel_for, not around it.
enum class Isa { kBase, kAvx2, kAvx512 };
Isa cpu_isa();
/// Whether this CPU runs kernels made of tiles.h on this type. (They are compiled for f32 and bf16
/// alike with instructions of bf16.)
bool has_tiles(DType dtype);

#ifdef __clang__  // which prefers them by itself
#define RUNG_VECTORS_OF_512_BITS ""
#else
#define RUNG_VECTORS_OF_512_BITS ",prefer-vector-width=512"
#endif

template <typename Body>
__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,fma" RUNG_VECTORS_OF_512_BITS),
               flatten)) void
run_avx512(const Body& body) {
  body();
}
template <typename Body>
__attribute__((target("avx2,fma"), flatten)) void run_avx2(const Body& body) {
  body();
}
template <typename Body>
void vectorized(const Body& body) {
  switch (cpu_isa()) {
    case Isa::kAvx512:
      return run_avx512(body);
    case Isa::kAvx2:
      return run_avx2(body);
    case Isa::kBase:
      return body();
  }
}

/// A bfloat16 as it lies in memory.
struct Bf16 {
  uint16_t bits;
};
inline float load(const float* p) { return *p; }
inline float load(const Bf16* p) {
  return std::bit_cast<float>(static_cast<uint32_t>(p->bits) << 16);
}
inline void store(float* p, float value) { *p = value; }
/// Round to nearest even; NaN stays NaN.
inline void store(Bf16* p, float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t rounded = bits + 0x7fffU + ((bits >> 16) & 1U);
  p->bits = static_cast<uint16_t>((value != value ? bits | 0x400000U : rounded) >> 16);
}

/// Calls f with a value of the C++ type that holds elements of this floating dtype: float{} or
/// Bf16{}. Other types are a bug.
template <typename F>
void with_floating(DType dtype, const F& f) {
  if (dtype == DType::kBF16) return f(Bf16{});
  return f(float{});
}

/// A map of either layout as kernels see it that act on space alone: `planes` maps of `space`
/// pixels (their product), each of `inner` channels side by side.
struct MapView {
  int64_t planes = 0;
  Shape space;
  int64_t inner = 1;
  int64_t pixels() const { return element_count(space); }
};
MapView map_view(const Shape& shape, Layout layout);

}  // namespace rung::onednn
