#include "rung/exec/onednn/peak.h"

#include <immintrin.h>
#include <omp.h>

#include <algorithm>
#include <chrono>

#include "rung/base/cores.h"
#include "rung/ops/kernel.h"

namespace rung {
namespace {

// Twelve sums hide the latency of a multiply-add (4 cycles, two a cycle), and fit 16 registers.
constexpr int kSums = 12;

/// Multiply-adds of `rounds` rounds of kSums, and a number so that they are really made.
struct Work {
  double flops = 0;
  float result = 0;
};

__attribute__((target("avx512f"))) Work fma_avx512(int64_t rounds) {
  __m512 sums[kSums];
  for (auto& sum : sums) sum = _mm512_set1_ps(1);
  const __m512 a = _mm512_set1_ps(0.5F), b = _mm512_set1_ps(0.25F);
  for (int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (auto& sum : sums) sum = _mm512_fmadd_ps(sum, a, b);
  }
  float result = 0;
  for (const auto& sum : sums) result += _mm512_cvtss_f32(sum);
  return {static_cast<double>(rounds) * kSums * 16 * 2, result};
}

__attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16"))) Work dot_bf16(int64_t rounds) {
  __m512 sums[kSums];
  for (auto& sum : sums) sum = _mm512_set1_ps(1);
  const auto a = (__m512bh)_mm512_set1_epi32(0x3f003f00);  // halves
  for (int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (auto& sum : sums) sum = _mm512_dpbf16_ps(sum, a, a);
  }
  float result = 0;
  for (const auto& sum : sums) result += _mm512_cvtss_f32(sum);
  return {static_cast<double>(rounds) * kSums * 32 * 2, result};
}

__attribute__((target("avx2,fma"))) Work fma_avx2(int64_t rounds) {
  __m256 sums[kSums];
  for (auto& sum : sums) sum = _mm256_set1_ps(1);
  const __m256 a = _mm256_set1_ps(0.5F), b = _mm256_set1_ps(0.25F);
  for (int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (auto& sum : sums) sum = _mm256_fmadd_ps(sum, a, b);
  }
  float result = 0;
  for (const auto& sum : sums) result += _mm256_cvtss_f32(sum);
  return {static_cast<double>(rounds) * kSums * 8 * 2, result};
}

Work multiply_add_sse(int64_t rounds) {
  __m128 sums[kSums];
  for (auto& sum : sums) sum = _mm_set1_ps(1);
  const __m128 a = _mm_set1_ps(0.5F), b = _mm_set1_ps(0.25F);
  for (int64_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (auto& sum : sums) sum = _mm_add_ps(_mm_mul_ps(sum, a), b);
  }
  float result = 0;
  for (const auto& sum : sums) result += _mm_cvtss_f32(sum);
  return {static_cast<double>(rounds) * kSums * 4 * 2, result};
}

struct Way {
  Work (*run)(int64_t rounds);
  const char* how;
};

Way way_for(Precision precision) {
  const onednn::Isa isa = onednn::cpu_isa();
  if (precision == Precision::kBf16 && __builtin_cpu_supports("avx512bf16")) {
    return {dot_bf16, "AVX512-BF16 dot products"};
  }
  if (isa == onednn::Isa::kAvx512) return {fma_avx512, "AVX-512 multiply-adds"};
  if (isa == onednn::Isa::kAvx2) return {fma_avx2, "AVX2 multiply-adds"};
  return {multiply_add_sse, "SSE multiplications and additions"};
}

/// GFLOP/s of all threads in one go of that many rounds.
double rate(const Way& way, int threads, int64_t rounds) {
  double flops = 0;
  volatile float sink = 0;
  const auto start = std::chrono::steady_clock::now();
#pragma omp parallel num_threads(threads) reduction(+ : flops)
  {
    const Work work = way.run(rounds);
    flops += work.flops;
    if (work.result == 0) sink = 1;
  }
  static_cast<void>(sink);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  return 1e-9 * flops / seconds.count();
}

}  // namespace

Peak measure_peak(Precision precision, int threads) {
  const Way way = way_for(precision);
  const int count = threads > 0 ? threads : usable_cores();
  constexpr int64_t kRounds = 4'000'000;  // about 6 ms
  double best = 0;
  for (int i = 0; i < 30; ++i) best = std::max(best, rate(way, count, kRounds));
  return {.gflops = best, .how = way.how};
}

}  // namespace rung
