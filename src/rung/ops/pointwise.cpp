#include "rung/ops/pointwise.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>

#include "rung/base/error.h"
#include "rung/ops/kernel.h"
#include "rung/ops/op_text.h"
#include "rung/ops/vector_math.h"

namespace rung::onednn {
namespace {

constexpr int64_t kTile = 512;  // floats: a tile and its operands stay in the first cache

/// What happens to a tile. `a` and `b` are numbers, x an operand's tile.
enum class Fn : uint8_t {
  kRelu,
  kClip,
  kSigmoid,
  kTanh,
  kSilu,
  kMish,
  kHardSwish,
  kHardSigmoid,
  kSoftsign,
  kLogSigmoid,
  kExp,
  kLog,
  kLog1p,
  kSqrt,
  kRsqrt,
  kSquare,
  kReciprocal,
  kAbs,
  kNeg,
  kSign,
  kErf,
  kSin,
  kCos,
  kTan,
  kAtan,
  kFloor,
  kCeil,
  kRound,
  kLeaky,
  kElu,
  kGelu,
  kGeluTanh,
  kSoftplus,
  kAdd,
  kSub,
  kRightSub,
  kMul,
  kDiv,
  kRightDiv,
  kPow,
  kRightPow,
  kMin,
  kMax,
  kRemainder,
  kRightRemainder,
  kPRelu,
  kMulAdd,
  kMulAddRelu,
};

struct Micro {
  Fn fn;
  float a = 0, b = 0;
  std::optional<size_t> operand = {};  ///< among the kernel's inputs
  std::optional<size_t> second = {};   ///< kMulAdd: what is added
};

std::optional<Micro> unary(ops::UnaryFn fn) {
  using U = ops::UnaryFn;
  switch (fn) {
    case U::kRelu:
      return Micro{Fn::kRelu};
    case U::kRelu6:
      return Micro{Fn::kClip, 0, 6};
    case U::kSigmoid:
      return Micro{Fn::kSigmoid};
    case U::kTanh:
      return Micro{Fn::kTanh};
    case U::kSilu:
      return Micro{Fn::kSilu};
    case U::kMish:
      return Micro{Fn::kMish};
    case U::kHardSwish:
      return Micro{Fn::kHardSwish};
    case U::kHardSigmoid:
      return Micro{Fn::kHardSigmoid};
    case U::kSelu:
      return Micro{Fn::kElu, 1.6732632423543772F, 1.0507009873554805F};
    case U::kSoftsign:
      return Micro{Fn::kSoftsign};
    case U::kLogSigmoid:
      return Micro{Fn::kLogSigmoid};
    case U::kExp:
      return Micro{Fn::kExp};
    case U::kLog:
      return Micro{Fn::kLog};
    case U::kLog1p:
      return Micro{Fn::kLog1p};
    case U::kSqrt:
      return Micro{Fn::kSqrt};
    case U::kRsqrt:
      return Micro{Fn::kRsqrt};
    case U::kSquare:
      return Micro{Fn::kSquare};
    case U::kReciprocal:
      return Micro{Fn::kReciprocal};
    case U::kAbs:
      return Micro{Fn::kAbs};
    case U::kNeg:
      return Micro{Fn::kNeg};
    case U::kSign:
      return Micro{Fn::kSign};
    case U::kErf:
      return Micro{Fn::kErf};
    case U::kSin:
      return Micro{Fn::kSin};
    case U::kCos:
      return Micro{Fn::kCos};
    case U::kTan:
      return Micro{Fn::kTan};
    case U::kAtan:
      return Micro{Fn::kAtan};
    case U::kFloor:
      return Micro{Fn::kFloor};
    case U::kCeil:
      return Micro{Fn::kCeil};
    case U::kRound:
      return Micro{Fn::kRound};
    case U::kLogicalNot:
      return std::nullopt;
  }
  return std::nullopt;
}

std::optional<Micro> binary(ops::BinaryFn fn, bool swapped) {
  using B = ops::BinaryFn;
  switch (fn) {
    case B::kAdd:
      return Micro{Fn::kAdd};
    case B::kSub:
      return Micro{swapped ? Fn::kRightSub : Fn::kSub};
    case B::kMul:
      return Micro{Fn::kMul};
    case B::kDiv:
      return Micro{swapped ? Fn::kRightDiv : Fn::kDiv};
    case B::kPow:
      return Micro{swapped ? Fn::kRightPow : Fn::kPow};
    case B::kMin:
      return Micro{Fn::kMin};
    case B::kMax:
      return Micro{Fn::kMax};
    case B::kRemainder:
      return Micro{swapped ? Fn::kRightRemainder : Fn::kRemainder};
    default:
      return std::nullopt;
  }
}

std::optional<Micro> micro_of(const Op& op, bool swapped) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  if (const auto* it = std::get_if<ops::Unary>(&op)) return unary(it->fn);
  if (const auto* it = std::get_if<ops::Binary>(&op)) return binary(it->fn, swapped);
  if (const auto* it = std::get_if<ops::LeakyRelu>(&op)) {
    return Micro{Fn::kLeaky, static_cast<float>(it->slope)};
  }
  if (const auto* it = std::get_if<ops::Elu>(&op)) {
    return Micro{Fn::kElu, static_cast<float>(it->alpha), 1};
  }
  if (const auto* it = std::get_if<ops::Gelu>(&op)) {
    return Micro{it->tanh ? Fn::kGeluTanh : Fn::kGelu};
  }
  if (const auto* it = std::get_if<ops::Softplus>(&op)) {
    return Micro{Fn::kSoftplus, static_cast<float>(it->beta), static_cast<float>(it->threshold)};
  }
  if (const auto* it = std::get_if<ops::Clamp>(&op)) {
    return Micro{Fn::kClip, it->low ? static_cast<float>(*it->low) : -kInfinity,
                 it->high ? static_cast<float>(*it->high) : kInfinity};
  }
  if (std::holds_alternative<ops::PRelu>(op)) return Micro{Fn::kPRelu};
  return std::nullopt;
}

// NaN passes through minima and maxima, as LibTorch has it.
inline float lesser(float a, float b) { return a < b || a != a ? a : b; }
inline float greater(float a, float b) { return a > b || a != a ? a : b; }
inline float remainder_of(float a, float b) {
  const float r = std::fmod(a, b);
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

/// What a function reads and writes: acc = f(from), or acc = f(from, x). `acc` may be `from`.
struct Lanes {
  const float* from;
  const float* x;
  const float* y;  ///< a second operand
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

inline void apply(const Micro& m, const Lanes& l) {
  const float a = m.a, b = m.b;
  constexpr auto kRoot = std::numbers::sqrt2_v<float> / 2;
  switch (m.fn) {
    case Fn::kRelu:
      return each(l, [](float v) { return v > 0 || v != v ? v : 0.0F; });
    case Fn::kClip:
      return each(l, [=](float v) { return v < a ? a : v > b ? b : v; });
    case Fn::kSigmoid:
      return each(l, [](float v) { return vec::sigmoid(v); });
    case Fn::kTanh:
      return each(l, [](float v) { return vec::tanh(v); });
    case Fn::kSilu:
      return each(l, [](float v) { return v * vec::sigmoid(v); });
    case Fn::kMish:
      return each(l, [](float v) { return v > 20 ? v : v * vec::tanh(vec::log1p(vec::exp(v))); });
    case Fn::kHardSwish:
      return each(l, [](float v) { return v * lesser(greater(v + 3, 0), 6) / 6; });
    case Fn::kHardSigmoid:
      return each(l, [](float v) { return lesser(greater(v + 3, 0), 6) / 6; });
    case Fn::kSoftsign:
      return each(l, [](float v) { return v / (1 + vec::abs(v)); });
    case Fn::kLogSigmoid:
      return each(l, [](float v) { return lesser(v, 0) - vec::log1p(vec::exp(-vec::abs(v))); });
    case Fn::kExp:
      return each(l, [](float v) { return vec::exp(v); });
    case Fn::kLog:
      return each(l, [](float v) { return vec::log(v); });
    case Fn::kLog1p:
      return each(l, [](float v) { return vec::log1p(v); });
    case Fn::kSqrt:
      return each(l, [](float v) { return std::sqrt(v); });
    case Fn::kRsqrt:
      return each(l, [](float v) { return 1 / std::sqrt(v); });
    case Fn::kSquare:
      return each(l, [](float v) { return v * v; });
    case Fn::kReciprocal:
      return each(l, [](float v) { return 1 / v; });
    case Fn::kAbs:
      return each(l, [](float v) { return vec::abs(v); });
    case Fn::kNeg:
      return each(l, [](float v) { return -v; });
    case Fn::kSign:
      return each(l, [](float v) { return static_cast<float>((v > 0) - (v < 0)); });
    case Fn::kErf:
      return each(l, [](float v) { return vec::erf(v); });
    case Fn::kSin:
      return each(l, [](float v) { return std::sin(v); });
    case Fn::kCos:
      return each(l, [](float v) { return std::cos(v); });
    case Fn::kTan:
      return each(l, [](float v) { return std::tan(v); });
    case Fn::kAtan:
      return each(l, [](float v) { return std::atan(v); });
    case Fn::kFloor:
      return each(l, [](float v) { return std::floor(v); });
    case Fn::kCeil:
      return each(l, [](float v) { return std::ceil(v); });
    case Fn::kRound:
      return each(l, [](float v) { return std::nearbyint(v); });
    case Fn::kLeaky:
      return each(l, [=](float v) { return v > 0 ? v : a * v; });
    case Fn::kElu:
      return each(l, [=](float v) { return b * (v > 0 ? v : a * vec::expm1(v)); });
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
    case Fn::kAdd:
      return each_pair(l, [](float v, float y) { return v + y; });
    case Fn::kSub:
      return each_pair(l, [](float v, float y) { return v - y; });
    case Fn::kRightSub:
      return each_pair(l, [](float v, float y) { return y - v; });
    case Fn::kMul:
      return each_pair(l, [](float v, float y) { return v * y; });
    case Fn::kDiv:
      return each_pair(l, [](float v, float y) { return v / y; });
    case Fn::kRightDiv:
      return each_pair(l, [](float v, float y) { return y / v; });
    case Fn::kPow:
      return each_pair(l, [](float v, float y) { return std::pow(v, y); });
    case Fn::kRightPow:
      return each_pair(l, [](float v, float y) { return std::pow(y, v); });
    case Fn::kMin:
      return each_pair(l, lesser);
    case Fn::kMax:
      return each_pair(l, greater);
    case Fn::kRemainder:
      return each_pair(l, remainder_of);
    case Fn::kRightRemainder:
      return each_pair(l, [](float v, float y) { return remainder_of(y, v); });
    case Fn::kMulAdd:
      return each_three(l, [](float v, float y, float z) { return v * y + z; });
    case Fn::kMulAddRelu:
      return each_three(l, [](float v, float y, float z) {
        const float sum = v * y + z;
        return sum > 0 || sum != sum ? sum : 0.0F;
      });
    case Fn::kPRelu:
      return each_pair(l, [](float v, float y) { return v > 0 ? v : y * v; });
  }
}

/// How an input lies along a row of the result.
enum class Along : uint8_t {
  kWhole,     ///< element by element
  kNumber,    ///< one number
  kPeriodic,  ///< `period` elements, again and again
  kStretched  ///< each element `period` times
};

struct Source {
  bool narrow = false;  ///< bf16
  Along along = Along::kWhole;
  int64_t period = 1;
  Shape strides;  ///< in elements, by outer axis
};

/// The result as rows: outer axes, and a row that the innermost one or two axes make.
struct Rows {
  Shape outer;
  int64_t length = 1;
  int64_t tail_from = -1;  ///< blocked, with channels that fill up: in the last of `groups`
  int64_t groups = 1;      ///< planes, elements of a block from here on are zero
  int64_t rows_in_plane = 1;
  int64_t block = 1;
  bool narrow = false;
  bool direct = false;  ///< sums grow where the result lies: nothing that is read later lies there
  std::vector<Source> sources;
  int64_t rows() const { return element_count(outer); }
};

/// Sizes and an input's strides in the order of memory, axis by axis; 0 where it is broadcast.
struct Lie {
  Shape sizes;
  std::vector<Shape> strides;  ///< by input
};

Shape memory_sizes(const Shape& shape, Layout layout) {
  if (layout == Layout::kPlain) return shape;
  const int64_t block = channel_block();
  Shape sizes = {shape[0], (shape[1] + block - 1) / block};
  sizes.insert(sizes.end(), shape.begin() + 2, shape.end());
  sizes.push_back(block);
  return sizes;
}

/// Strides of an operand of these sizes (aligned with the result's axes by its last) in a layout.
Shape memory_strides(const Shape& operand, size_t rank, Layout layout) {
  Shape aligned(rank, 1);
  std::copy(operand.begin(), operand.end(), aligned.end() - static_cast<int64_t>(operand.size()));
  Shape sizes = memory_sizes(aligned, layout);
  if (layout == Layout::kBlocked && aligned[1] == 1) sizes.back() = 1;  // not filled up: plain
  Shape strides(sizes.size(), 0);
  int64_t stride = 1;
  for (size_t i = sizes.size(); i-- > 0; stride *= sizes[i]) {
    if (sizes[i] != 1) strides[i] = stride;
  }
  return strides;
}

/// Merges neighbouring axes along which every input goes on as if they were one. The first `keep`
/// axes stay as they are.
void collapse(Lie& lie, size_t keep) {
  for (size_t i = lie.sizes.size(); i-- > 0;) {
    if (lie.sizes[i] != 1 || i < keep) continue;
    lie.sizes.erase(lie.sizes.begin() + static_cast<int64_t>(i));
    for (Shape& strides : lie.strides) strides.erase(strides.begin() + static_cast<int64_t>(i));
  }
  for (size_t i = lie.sizes.size(); i-- > keep + 1;) {
    const bool one = std::all_of(lie.strides.begin(), lie.strides.end(),
                                 [&](const Shape& s) { return s[i - 1] == s[i] * lie.sizes[i]; });
    if (!one) continue;
    lie.sizes[i - 1] *= lie.sizes[i];
    lie.sizes.erase(lie.sizes.begin() + static_cast<int64_t>(i));
    for (Shape& strides : lie.strides) {
      strides[i - 1] = strides[i];
      strides.erase(strides.begin() + static_cast<int64_t>(i));
    }
  }
}

/// Rows of one axis, or of two where the inner one is short.
Rows rows_of(Lie lie, size_t keep) {
  constexpr int64_t kShort = 64;
  Rows rows;
  const size_t rank = lie.sizes.size();
  const int64_t inner = rank > keep ? lie.sizes[rank - 1] : 1;
  const auto splits = [&](const Shape& s) {  // two axes of it are no pattern that we know
    const int64_t a = s[rank - 2], b = s[rank - 1];
    return !((a == b * inner) || (a == 0 && b <= 1) || (b == 0 && a == 1));
  };
  const bool two = rank >= keep + 2 && inner < kShort &&
                   std::none_of(lie.strides.begin(), lie.strides.end(), splits);
  const size_t in_row = rank == keep ? 0 : two ? 2 : 1;
  rows.outer.assign(lie.sizes.begin(), lie.sizes.end() - static_cast<int64_t>(in_row));
  for (size_t i = rank - in_row; i < rank; ++i) rows.length *= lie.sizes[i];
  for (const Shape& s : lie.strides) {
    Source source{.strides = Shape(s.begin(), s.end() - static_cast<int64_t>(in_row))};
    const int64_t b = in_row > 0 ? s[rank - 1] : 0, a = in_row > 1 ? s[rank - 2] : b * inner;
    if (b == 0 && a == 0) {
      source.along = Along::kNumber;
    } else if (in_row > 1 && a == 0) {
      source.along = Along::kPeriodic;
      source.period = inner;
    } else if (in_row > 1 && b == 0) {
      source.along = Along::kStretched;
      source.period = inner;
    }
    rows.sources.push_back(std::move(source));
  }
  return rows;
}

/// Elements begin … begin + n of a row of an input, as floats.
template <typename T>
inline void gather(const Source& source, const T* row, int64_t begin, int64_t n, float* tile) {
  switch (source.along) {
    case Along::kWhole:
#pragma omp simd
      for (int64_t i = 0; i < n; ++i) tile[i] = load(row + begin + i);
      return;
    case Along::kNumber: {
      const float number = load(row);
      for (int64_t i = 0; i < n; ++i) tile[i] = number;
      return;
    }
    case Along::kPeriodic: {
      const int64_t period = source.period;
      for (int64_t i = 0; i < n;) {
        const int64_t from = (begin + i) % period, count = std::min(period - from, n - i);
        for (int64_t k = 0; k < count; ++k) tile[i + k] = load(row + from + k);
        i += count;
      }
      return;
    }
    case Along::kStretched: {
      const int64_t period = source.period;
      for (int64_t i = 0; i < n;) {
        const int64_t from = begin + i, count = std::min(period - from % period, n - i);
        const float number = load(row + from / period);
        for (int64_t k = 0; k < count; ++k) tile[i + k] = number;
        i += count;
      }
      return;
    }
  }
}

/// One thread's part of a run.
class Worker {
 public:
  Worker(const Rows& rows, const std::vector<Micro>& chain, const Pointers& at)
      : rows_(rows), chain_(chain), at_(at) {}

  inline void run(int64_t begin, int64_t end) {  // tiles, counted through all rows
    const int64_t per_row = (rows_.length + kTile - 1) / kTile;
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = i / per_row, first = i % per_row * kTile;
      tile(row, first, std::min(kTile, rows_.length - first));
    }
  }

 private:
  /// A tile of an operand that is the same for many tiles of the result: of one number, or one that
  /// repeats itself.
  struct Kept {
    const std::byte* at = nullptr;
    int64_t n = 0;
    alignas(64) float tile[kTile];
  };

  inline int64_t place(const Source& source, int64_t row) const {
    int64_t at = 0;
    for (size_t i = rows_.outer.size(); i-- > 0; row /= rows_.outer[i]) {
      at += row % rows_.outer[i] * source.strides[i];
    }
    return at;
  }
  inline void fetch(const Source& source, const std::byte* row, int64_t first, int64_t n,
                    float* to) {
    if (source.narrow) {
      gather(source, reinterpret_cast<const Bf16*>(row), first, n, to);
    } else {
      gather(source, reinterpret_cast<const float*>(row), first, n, to);
    }
  }
  /// The elements of an input as floats: where they lie, or in one of our tiles.
  inline const float* elements(size_t input, int64_t row, int64_t first, int64_t n, float* to,
                               Kept* kept) {
    const Source& source = rows_.sources[input];
    const int64_t size = source.narrow ? 2 : 4;
    if (row != row_) {
      row_ = row;
      for (size_t i = 0; i < rows_.sources.size() && i < kPlaces; ++i) {
        places_[i] = place(rows_.sources[i], row);
      }
    }
    const int64_t at = input < kPlaces ? places_[input] : place(source, row);
    const std::byte* from = at_.in[input] + at * size;
    if (source.along == Along::kWhole && !source.narrow) {
      return reinterpret_cast<const float*>(from) + first;
    }
    const bool same = source.along == Along::kNumber ||
                      (source.along == Along::kPeriodic && kTile % source.period == 0);
    if (!same || kept == nullptr) {
      fetch(source, from, first, n, to);
      return to;
    }
    if (kept->at != from || kept->n < n) {
      fetch(source, from, first, n, kept->tile);
      kept->at = from;
      kept->n = n;
    }
    return kept->tile;
  }

  inline void tile(int64_t row, int64_t first, int64_t n) {
    const int64_t to = row * rows_.length + first;
    auto* wide = reinterpret_cast<float*>(at_.out[0]) + to;
    float* acc = rows_.direct ? wide : acc_;
    const float* from = elements(0, row, first, n, acc_, nullptr);
    size_t kept = 0;
    const auto operand = [&](std::optional<size_t> input, float* room) -> const float* {
      if (!input) return nullptr;
      Kept* mine = kept < kKept ? &kept_[kept++] : nullptr;
      return elements(*input, row, first, n, room, mine);
    };
    for (const Micro& micro : chain_) {
      const float* x = operand(micro.operand, operand_);
      const float* y = operand(micro.second, second_);
      apply(micro, {.from = from, .x = x, .y = y, .acc = acc, .n = n});
      from = acc;
    }
    if (rows_.tail_from >= 0 && row / rows_.rows_in_plane % rows_.groups == rows_.groups - 1) {
      for (int64_t i = 0; i < n; ++i) {
        if ((first + i) % rows_.block >= rows_.tail_from) acc[i] = 0;
      }
    }
    if (rows_.direct) return;
    if (!rows_.narrow) {
      std::memcpy(wide, acc, static_cast<size_t>(n) * sizeof(float));
      return;
    }
    auto* out = reinterpret_cast<Bf16*>(at_.out[0]) + to;
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) store(out + i, acc[i]);
  }

  static constexpr size_t kKept = 4, kPlaces = 8;
  int64_t row_ = -1;
  int64_t places_[kPlaces] = {};
  const Rows& rows_;
  const std::vector<Micro>& chain_;
  const Pointers& at_;
  Kept kept_[kKept];
  alignas(64) float acc_[kTile];
  alignas(64) float operand_[kTile];
  alignas(64) float second_[kTile];
};

/// Batch norms and what follows them in one pass: x · a + b, and its positive part.
std::vector<Micro> contracted(const std::vector<Micro>& chain) {
  std::vector<Micro> made;
  for (const Micro& micro : chain) {
    Micro* last = made.empty() ? nullptr : &made.back();
    if (last != nullptr && last->fn == Fn::kMul && micro.fn == Fn::kAdd && micro.operand) {
      last->fn = Fn::kMulAdd;
      last->second = micro.operand;
    } else if (last != nullptr && last->fn == Fn::kMulAdd && micro.fn == Fn::kRelu) {
      last->fn = Fn::kMulAddRelu;
    } else {
      made.push_back(micro);
    }
  }
  return made;
}

Kernel pointwise_kernel(Rows rows, std::vector<Micro> chain) {
  chain = contracted(chain);
  rows.direct = !rows.narrow;
  for (size_t i = 1; i < chain.size(); ++i) {
    for (const auto operand : {chain[i].operand, chain[i].second}) {  // may lie there
      if (operand && rows.sources[*operand].along == Along::kWhole) rows.direct = false;
    }
  }
  return [rows = std::move(rows), chain = std::move(chain)](const Pointers& at) {
    const int64_t tiles = rows.rows() * ((rows.length + kTile - 1) / kTile);
    const int64_t grain = std::max<int64_t>(1, 8 * kTile / std::max<int64_t>(rows.length, 1));
    parallel_for(tiles, std::min<int64_t>(grain, 8), [&](int64_t begin, int64_t end) {
      Worker worker(rows, chain, at);
      vectorized([&] { worker.run(begin, end); });
    });
  };
}

/// Where an input of the kernel comes from.
struct Origin {
  std::optional<size_t> input = {};  ///< of the call
  Tensor constant = {};
  Shape shape(const LowerCall& call) const {
    return input ? call.in_type(*input).shape : constant.shape();
  }
};

/// The layout that most inputs as large as the result have.
Layout common_layout(const LowerCall& call, const std::vector<Origin>& origins) {
  int64_t blocked = 0;
  for (const Origin& origin : origins) {
    if (!origin.input || call.in_type(*origin.input).shape != call.out_type().shape) continue;
    blocked += call.form(*origin.input).layout == Layout::kBlocked ? 1 : -1;
  }
  return blocked > 0 ? Layout::kBlocked : Layout::kPlain;
}

/// An input in the layout of the result: channels of small operands in blocks too.
struct Operand {
  Ref ref = {};
  Form form = {};
  Shape shape = {};  ///< as it is broadcast
};

Operand operand_in(LowerCall& call, const Origin& origin, Layout layout) {
  const Shape& result = call.out_type().shape;
  const Tensor known = origin.input ? call.known(*origin.input) : origin.constant;
  const Shape own = origin.shape(call);
  DType dtype = DType::kF32;
  if (origin.input && call.form(*origin.input).dtype == DType::kBF16) dtype = DType::kBF16;
  const Form plain{dtype, Layout::kPlain}, blocked{dtype, Layout::kBlocked};
  const auto plain_ref = [&] {
    return origin.input ? call.in(*origin.input, plain) : call.constant(known);
  };
  if (layout == Layout::kPlain) return {plain_ref(), plain, own};
  Shape shape(result.size(), 1);
  std::copy(own.begin(), own.end(), shape.end() - static_cast<int64_t>(own.size()));
  // Without channels of its own, a value lies the same way in both layouts, but for its blocks.
  if (shape[1] == 1) return {plain_ref(), plain, shape};
  if (known.defined()) {
    const Form wide{DType::kF32, Layout::kBlocked};
    const Tensor aligned(known.dtype(), shape, known.storage());
    return {call.packed(aligned, desc_of(shape, wide)), wide, shape};
  }
  if (shape == own) return {call.in(*origin.input, blocked), blocked, shape};
  return {};  // of another rank, and not known: the result is plain then
}

std::vector<Operand> operands_in(LowerCall& call, const std::vector<Origin>& origins,
                                 Layout layout) {
  std::vector<Operand> operands;
  for (const Origin& origin : origins) {
    operands.push_back(operand_in(call, origin, layout));
    if (operands.back().ref.index < 0) return {};
  }
  return operands;
}

/// The rows of a result in that form, and how the operands lie along them.
Rows rows_in(const Shape& shape, Form form, const std::vector<Operand>& operands) {
  const int64_t block = channel_block();
  const bool tail = form.layout == Layout::kBlocked && shape[1] % block != 0;
  const size_t keep = tail ? 2 : 0;
  Lie lie{.sizes = memory_sizes(shape, form.layout), .strides = {}};
  for (const Operand& it : operands) {
    lie.strides.push_back(memory_strides(it.shape, shape.size(), form.layout));
  }
  collapse(lie, keep);
  Rows rows = rows_of(std::move(lie), keep);
  rows.narrow = form.dtype == DType::kBF16;
  for (size_t i = 0; i < operands.size(); ++i) {
    rows.sources[i].narrow = operands[i].form.dtype == DType::kBF16;
  }
  if (!tail) return rows;
  rows.tail_from = shape[1] % block;
  rows.groups = (shape[1] + block - 1) / block;
  rows.block = block;
  for (size_t i = keep; i < rows.outer.size(); ++i) rows.rows_in_plane *= rows.outer[i];
  return rows;
}

}  // namespace

bool fits_pointwise(const Op& op) { return micro_of(op, false).has_value(); }

void lower_pointwise(LowerCall& call, size_t first, std::vector<PointwiseOp> chain) {
  for (const Post& post : call.posts()) {
    chain.push_back({.op = *post.op, .operand = post.operand, .swapped = post.swapped});
  }
  std::vector<Origin> origins = {{.input = first}};
  std::vector<Micro> micros;
  std::string what;
  for (const PointwiseOp& it : chain) {
    auto micro = micro_of(it.op, it.swapped);
    if (!micro) call.give_up(fmt::format("{} has no kernel", op_name(it.op)));
    if (it.operand || it.constant.defined()) {
      micro->operand = origins.size();
      origins.push_back({.input = it.operand, .constant = it.constant});
    }
    micros.push_back(*micro);
    what += (what.empty() ? "" : " + ") + std::string(op_name(it.op));
  }
  for (const Origin& origin : origins) {
    if (!origin.input || call.in_type(*origin.input).dtype == DType::kF32) continue;
    call.give_up(
        fmt::format("{} of {} has no kernel", what, name(call.in_type(*origin.input).dtype)));
  }
  Layout layout = common_layout(call, origins);
  std::vector<Operand> operands = operands_in(call, origins, layout);
  if (operands.empty()) {
    layout = Layout::kPlain;
    operands = operands_in(call, origins, layout);
  }
  const Shape& shape = call.out_type().shape;
  const Form form{call.storage(DType::kF32), layout};
  Rows rows = rows_in(shape, form, operands);
  std::vector<Ref> refs;
  std::optional<size_t> over;
  for (size_t i = 0; i < operands.size(); ++i) {
    refs.push_back(operands[i].ref);
    if (operands[i].shape == shape && operands[i].form == form && !over) over = i;
  }
  const Ref out = call.out(0, form);
  call.kernel(what, std::move(refs), {out}, pointwise_kernel(std::move(rows), std::move(micros)),
              over);
}

}  // namespace rung::onednn
