#include "rung/ops/recurrent/lstm_way.h"

#include "rung/ops/tiles.h"

namespace rung::onednn {
namespace {

constexpr int64_t kGates = 4;  // i f g o, as PyTorch orders them
constexpr int64_t kCells = 6;  // rows at a time: 24 sums leave registers for a line of weights
constexpr int64_t kLine = kGates * kLanes;

// exp is 2^z here, and the weights of each gate are multiplied when they are packed, so that sums
// come as the z of exp(-x) for a sigmoid, of exp(2x) for tanh.
constexpr float kLog2E = 1.44269504F;
constexpr float kSigmoid = -kLog2E, kTanh = 2 * kLog2E;
constexpr float kFactors[kGates] = {kSigmoid, kSigmoid, kTanh, kSigmoid};

/// 2^z = 2^n (1 + r q), |r| <= 1/2, for -126 <= z <= 126, and those for what lies beyond; q is
/// fitted to 2e-9 of that.
struct Power {
  __m512 n, r, q;
};
RUNG_WIDE Power power_of_two(__m512 z) {
  // NaN stays: both give their second operand then. (VREDUCEPS would do without the bounds, but
  // takes 13 times as long as a subtraction on Zen 4.)
  z = _mm512_max_ps(_mm512_set1_ps(-126.0F), _mm512_min_ps(_mm512_set1_ps(126.0F), z));
  const __m512 n = _mm512_roundscale_ps(z, _MM_FROUND_TO_NEAREST_INT);
  const __m512 r = _mm512_sub_ps(z, n);
  __m512 q = _mm512_set1_ps(1.5353361886e-4F);
  for (const float c :
       {1.3398874422e-3F, 9.6184373578e-3F, 5.5503324711e-2F, 2.4022647914e-1F, 6.9314720286e-1F}) {
    q = _mm512_fmadd_ps(q, r, _mm512_set1_ps(c));
  }
  return {n, r, q};
}
/// sigmoid(x) = 1 / this.
RUNG_WIDE __m512 sigmoid_below(__m512 z) {
  const __m512 one = _mm512_set1_ps(1.0F);
  const Power p = power_of_two(z);
  return _mm512_add_ps(one, _mm512_scalef_ps(_mm512_fmadd_ps(p.q, p.r, one), p.n));
}
/// tanh(x) = above / below = (exp(2x) - 1) / (exp(2x) + 1), as exact where it is small.
struct Ratio {
  __m512 above, below;
};
RUNG_WIDE Ratio tanh16(__m512 z) {
  const __m512 one = _mm512_set1_ps(1.0F);
  const Power p = power_of_two(z);
  const __m512 scale = _mm512_scalef_ps(one, p.n);
  const __m512 above = _mm512_fmadd_ps(scale, _mm512_mul_ps(p.q, p.r), _mm512_sub_ps(scale, one));
  return {above, _mm512_add_ps(above, _mm512_set1_ps(2.0F))};
}

/// The cell, replaced, and what it gives. A quotient below 2^-126 is 0.
RUNG_WIDE __m512 next_cell(const float* gates, float* cell) {
  const __m512 in = sigmoid_below(_mm512_load_ps(gates));
  const __m512 forget = sigmoid_below(_mm512_load_ps(gates + kLanes));
  const Ratio fresh = tanh16(_mm512_load_ps(gates + 2 * kLanes));
  const __m512 out = sigmoid_below(_mm512_load_ps(gates + 3 * kLanes));
  const __m512 now = _mm512_add_ps(_mm512_div_ps(_mm512_load_ps(cell), forget),
                                   _mm512_div_ps(fresh.above, _mm512_mul_ps(in, fresh.below)));
  _mm512_store_ps(cell, now);
  const Ratio shown = tanh16(_mm512_mul_ps(now, _mm512_set1_ps(kTanh)));
  return _mm512_div_ps(shown.above, _mm512_mul_ps(out, shown.below));
}

/// Rows of numbers `stride` elements apart.
struct Rows {
  const float* data;
  int64_t stride, count;  ///< count: of numbers in each
};

/// sums += rows · the next lines of weights, [count][4 gates][16 units].
template <int64_t kR>
RUNG_WIDE const float* add_products(__m512 (&sums)[kR][kGates], const Rows& rows,
                                    const float* weights) {
  for (int64_t k = 0; k < rows.count; ++k, weights += kLine) {
#pragma GCC unroll 6
    for (int64_t r = 0; r < kR; ++r) {
      const __m512 a = _mm512_set1_ps(rows.data[r * rows.stride + k]);
#pragma GCC unroll 4
      for (int64_t g = 0; g < kGates; ++g) {
        sums[r][g] = _mm512_fmadd_ps(a, _mm512_load_ps(weights + g * kLanes), sums[r][g]);
      }
    }
  }
  return weights;
}

/// gates[kR][4][16]: of 16 units, before their functions.
template <int64_t kR>
RUNG_WIDE void products(const Rows& x, const Rows& h, const float* weights, float* gates) {
  __m512 sums[kR][kGates];
#pragma GCC unroll 6
  for (int64_t r = 0; r < kR; ++r) {
#pragma GCC unroll 4
    for (int64_t g = 0; g < kGates; ++g) sums[r][g] = _mm512_load_ps(weights + g * kLanes);  // bias
  }
  weights = add_products(sums, x, weights + kLine);
  add_products(sums, h, weights);
#pragma GCC unroll 6
  for (int64_t r = 0; r < kR; ++r) {
#pragma GCC unroll 4
    for (int64_t g = 0; g < kGates; ++g) {
      _mm512_store_ps(gates + r * kLine + g * kLanes, sums[r][g]);
    }
  }
}
template <int64_t kR = kCells>
RUNG_WIDE void products(const Rows& x, const Rows& h, const float* weights, float* gates,
                        int64_t rows) {
  if constexpr (kR > 0) {
    if (rows == kR) return products<kR>(x, h, weights, gates);
    products<kR - 1>(x, h, weights, gates, rows);
  }
}

struct Run {
  const LstmLayer& s;
  const float* x;
  const float* weights;      ///< [D][unit block][1 + W + H][4][16], the bias first
  const float *h_in, *c_in;  ///< null: zeros
  float *y, *h, *c;
  float* scratch;  ///< [3][D·N][stride]: h of odd and even steps, c

  int64_t blocks() const { return channel_blocks(s.hidden); }
  int64_t stride() const { return row_stride<float>(blocks() * kLanes); }
  float* state(int64_t which, int64_t row) const {
    return scratch + (which * s.directions * s.batch + row) * stride();
  }

  /// Samples begin … end of one direction, through all steps.
  RUNG_WIDE void sequences(int64_t direction, int64_t begin, int64_t end) const {
    const int64_t base = direction * s.batch;
    const auto copy_padded = [&](const float* from, int64_t which, int64_t n) {
      float* to = state(which, base + n);
      std::fill_n(to, stride(), 0.0F);
      if (from != nullptr) std::copy_n(from + (base + n) * s.hidden, s.hidden, to);
    };
    for (int64_t n = begin; n < end; ++n) {
      copy_padded(h_in, 0, n);
      copy_padded(c_in, 2, n);
    }
    for (int64_t step = 0; step < s.time; ++step) {
      const int64_t t = direction == 0 ? step : s.time - 1 - step;
      for (int64_t block = 0; block < blocks(); ++block) {
        const int64_t at_once = (end - begin + kCells - 1) / kCells;
        const int64_t rows = (end - begin + at_once - 1) / at_once;
        for (int64_t n = begin; n < end; n += rows) {
          cells(direction, step % 2, t, block, n, std::min(rows, end - n));
        }
      }
    }
    for (int64_t n = begin; n < end; ++n) {
      std::copy_n(state(s.time % 2, base + n), s.hidden, h + (base + n) * s.hidden);
      std::copy_n(state(2, base + n), s.hidden, c + (base + n) * s.hidden);
    }
  }

  /// One step of 16 units of a few samples; h goes from one of its two places to the other.
  RUNG_WIDE void cells(int64_t direction, int64_t from, int64_t t, int64_t block, int64_t first,
                       int64_t rows) const {
    const auto sample = [&](int64_t n) { return s.batch_first ? n * s.time + t : t * s.batch + n; };
    const int64_t row = direction * s.batch + first;
    alignas(64) float gates[kCells * kLine];
    products({.data = x + sample(first) * s.width,
              .stride = (s.batch_first ? s.time : 1) * s.width,
              .count = s.width},
             {.data = state(from, row), .stride = stride(), .count = s.hidden},
             weights + (direction * blocks() + block) * (1 + s.width + s.hidden) * kLine, gates,
             rows);
    const int64_t here = std::min(kLanes, s.hidden - block * kLanes);
    const auto mask = static_cast<__mmask16>((1U << here) - 1);
    for (int64_t r = 0; r < rows; ++r) {
      const __m512 out = next_cell(gates + r * kLine, state(2, row + r) + block * kLanes);
      _mm512_store_ps(state(1 - from, row + r) + block * kLanes, out);
      float* to = y + (sample(first + r) * s.directions + direction) * s.hidden + block * kLanes;
      _mm512_mask_storeu_ps(to, mask, out);
    }
  }
};

__attribute__((target(RUNG_WIDE_TARGET), flatten)) void part(const Run& run, int64_t direction,
                                                             int64_t begin, int64_t end) {
  run.sequences(direction, begin, end);
}

Tensor packed_weights(const LstmLayer& layer, const RecurrentWeights& weights) {
  const int64_t blocks = channel_blocks(layer.hidden), hidden = layer.hidden;
  const int64_t lines = layer.directions * blocks * (1 + layer.width + hidden);
  const int64_t bytes = lines * kLine * static_cast<int64_t>(sizeof(float));
  Tensor packed(DType::kU8, {bytes}, aligned_memory(bytes));
  auto* to = reinterpret_cast<float*>(packed.data());
  const auto add_line = [&](int64_t block, const auto& at) {
    for (int64_t gate = 0; gate < kGates; ++gate) {
      for (int64_t unit = block * kLanes; unit < (block + 1) * kLanes; ++unit) {
        *to++ =
            unit < hidden ? kFactors[gate] * at(static_cast<size_t>(gate * hidden + unit)) : 0.0F;
      }
    }
  };
  for (size_t d = 0; d < weights.x.size(); ++d) {
    const auto of_x = weights.x[d].as<float>(), of_h = weights.h[d].as<float>();
    for (int64_t block = 0; block < blocks; ++block) {
      add_line(block, [&](size_t i) {
        return weights.bias_x.empty()
                   ? 0.0F
                   : weights.bias_x[d].as<float>()[i] + weights.bias_h[d].as<float>()[i];
      });
      for (const auto& [of, width] : {std::pair(of_x, layer.width), std::pair(of_h, hidden)}) {
        for (int64_t k = 0; k < width; ++k) {
          add_line(block, [&](size_t i) { return of[i * width + k]; });
        }
      }
    }
  }
  return packed;
}

}  // namespace

Way lstm_way(LowerCall& call, const LstmLayer& layer, const RecurrentWeights& weights,
             size_t first) {
  Way way{.name = std::string(kLstmWay)};
  way.constants = {call.constant(packed_weights(layer, weights))};
  const int64_t rows = layer.directions * layer.batch;
  const int64_t stride = row_stride<float>(channel_blocks(layer.hidden) * kLanes);
  way.scratch = 3 * rows * stride * static_cast<int64_t>(sizeof(float));
  // A thread should have something to do: waking one takes as long as some 100,000 products.
  const int64_t each = layer.time * (layer.width + layer.hidden) * layer.hidden * kGates;
  const int64_t grain = 200'000 / each + 1;
  way.kernel = [=](const Pointers& at) {
    const auto in = [&](size_t i) { return reinterpret_cast<const float*>(at.in[i]); };
    const auto out = [&](size_t i) { return reinterpret_cast<float*>(at.out[i]); };
    const Run run{.s = layer,
                  .x = in(0),
                  .weights = in(first),
                  .h_in = layer.has_state ? in(2) : nullptr,
                  .c_in = layer.has_state ? in(3) : nullptr,
                  .y = out(0),
                  .h = out(1),
                  .c = out(2),
                  .scratch = reinterpret_cast<float*>(at.scratch)};
    parallel_for(rows, grain, [&](int64_t begin, int64_t end) {
      for (int64_t d = 0; d < layer.directions; ++d) {
        const int64_t from = std::max(begin - d * layer.batch, int64_t{0});
        const int64_t to = std::min(end - d * layer.batch, layer.batch);
        if (from < to) part(run, d, from, to);
      }
    });
  };
  return way;
}

}  // namespace rung::onednn
