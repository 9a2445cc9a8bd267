#include "rung/ops/pointwise.h"

#include <fmt/format.h>

#include <cstring>
#include <limits>

#include "rung/ops/kernel.h"
#include "rung/ops/op_text.h"
#include "rung/ops/pointwise_functions.h"
#include "rung/ops/pointwise_rows.h"

namespace rung::onednn {
namespace {

using Fn = Micro::Fn;

constexpr int64_t kTile = 512;  // floats: a tile and its operands stay in the first cache

std::optional<Micro> micro_of(const Op& op, bool swapped) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  if (const auto* it = std::get_if<ops::Unary>(&op)) {
    if (it->fn == ops::UnaryFn::kLogicalNot) return std::nullopt;
    return Micro{.fn = Fn::kUnary, .unary = it->fn};
  }
  if (const auto* it = std::get_if<ops::Binary>(&op)) {
    if (is_predicate(it->fn)) return std::nullopt;
    return Micro{.fn = Fn::kBinary, .binary = it->fn, .swapped = swapped};
  }
  if (const auto* it = std::get_if<ops::LeakyRelu>(&op)) {
    return Micro{.fn = Fn::kLeaky, .a = static_cast<float>(it->slope)};
  }
  if (const auto* it = std::get_if<ops::Elu>(&op)) {
    return Micro{.fn = Fn::kElu, .a = static_cast<float>(it->alpha), .b = 1};
  }
  if (const auto* it = std::get_if<ops::Gelu>(&op)) {
    return Micro{.fn = it->tanh ? Fn::kGeluTanh : Fn::kGelu};
  }
  if (const auto* it = std::get_if<ops::Softplus>(&op)) {
    return Micro{.fn = Fn::kSoftplus,
                 .a = static_cast<float>(it->beta),
                 .b = static_cast<float>(it->threshold)};
  }
  if (const auto* it = std::get_if<ops::Clamp>(&op)) {
    return Micro{.fn = Fn::kClip,
                 .a = it->low ? static_cast<float>(*it->low) : -kInfinity,
                 .b = it->high ? static_cast<float>(*it->high) : kInfinity};
  }
  if (std::holds_alternative<ops::PRelu>(op)) return Micro{.fn = Fn::kPRelu};
  return std::nullopt;
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

bool is(const Micro& micro, ops::BinaryFn fn) {
  return micro.fn == Fn::kBinary && micro.binary == fn;
}

/// Batch norms and what follows them in one pass: x · a + b, and its positive part.
std::vector<Micro> contracted(const std::vector<Micro>& chain) {
  std::vector<Micro> made;
  for (const Micro& micro : chain) {
    Micro* last = made.empty() ? nullptr : &made.back();
    if (last != nullptr && is(*last, ops::BinaryFn::kMul) && is(micro, ops::BinaryFn::kAdd)) {
      last->fn = Fn::kMulAdd;
      last->second = micro.operand;
    } else if (last != nullptr && last->fn == Fn::kMulAdd && micro.fn == Fn::kUnary &&
               micro.unary == ops::UnaryFn::kRelu) {
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
  const Shape shape = with_rank(own, result.size());
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

}  // namespace

bool is_relu(const Op& op) {
  const auto* unary = std::get_if<ops::Unary>(&op);
  return unary != nullptr && unary->fn == ops::UnaryFn::kRelu;
}

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
