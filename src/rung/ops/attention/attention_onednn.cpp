#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "rung/ops/kernel.h"
#include "rung/ops/matrix_offsets.h"
#include "rung/ops/primitives.h"
#include "rung/ops/vector_math.h"

namespace rung::ops {
namespace {

using onednn::Form;
using onednn::LowerCall;
using onednn::Pointers;
using onednn::Ref;

constexpr float kNever = -std::numeric_limits<float>::infinity();

// Sizes: `count` matrices (batch and heads), T queries, S keys, E and F features.
struct AttentionSizes {
  int64_t count, queries, keys, features, out_features;
};

/// softmax(scores · scale + mask) of rows: `seen` numbers, zeros behind them up to `keys`. A row in
/// which nothing is to be seen becomes NaN, as LibTorch's. mask(j) is added.
template <typename T, typename Mask>
void softmax_row(float* row, T* to, int64_t seen, int64_t keys, float scale, const Mask& mask) {
  float largest = kNever;
#pragma omp simd reduction(max : largest)
  for (int64_t j = 0; j < seen; ++j) {
    row[j] = row[j] * scale + mask(j);
    largest = row[j] > largest ? row[j] : largest;
  }
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t j = 0; j < seen; ++j) {
    row[j] = vec::exp(row[j] - largest);
    sum += row[j];
  }
  const float factor = 1 / sum;
  for (int64_t j = 0; j < seen; ++j) onednn::store(to + j, row[j] * factor);
  const float rest = factor == factor ? 0.0F : factor;
  for (int64_t j = seen; j < keys; ++j) onednn::store(to + j, rest);
}

/// A mask as the rows of the scores read it.
struct Mask {
  enum class Kind { kNone, kBool, kAdded } kind = Kind::kNone;
  std::vector<int64_t> offsets = {};  ///< by matrix, in elements
  int64_t row_step = 0;               ///< 0 where all queries share a row
  bool wide = true;                   ///< a number for each key, or one for all

  int64_t at(int64_t matrix, int64_t query) const {
    return offsets[static_cast<size_t>(matrix)] + query * row_step;
  }
};

// Row-wise, `first` being the first of the matrices.
template <typename T>
void masked_softmax(const AttentionSizes& sizes, float scale, bool causal, const Mask& mask,
                    int64_t first, const std::byte* mask_data, float* scores, T* to, int64_t begin,
                    int64_t end) {
  for (int64_t i = begin; i < end; ++i) {
    const int64_t query = i % sizes.queries, matrix = first + i / sizes.queries;
    const int64_t seen = causal ? std::min(sizes.keys, query + 1) : sizes.keys;
    float* row = scores + i * sizes.keys;
    T* out = to + i * sizes.keys;
    const auto run = [&](const auto& added) {
      softmax_row(row, out, seen, sizes.keys, scale, added);
    };
    if (mask.kind == Mask::Kind::kNone) {
      run([](int64_t) { return 0.0F; });
      continue;
    }
    const int64_t at = mask.at(matrix, query);
    if (mask.kind == Mask::Kind::kBool) {
      const auto* shown = reinterpret_cast<const uint8_t*>(mask_data) + at;
      if (mask.wide) {
        run([shown](int64_t j) { return shown[j] != 0 ? 0.0F : kNever; });
      } else {
        run([added = *shown != 0 ? 0.0F : kNever](int64_t) { return added; });
      }
    } else {
      const auto* added = reinterpret_cast<const float*>(mask_data) + at;
      if (mask.wide) {
        run([added](int64_t j) { return added[j]; });
      } else {
        run([only = *added](int64_t) { return only; });
      }
    }
  }
}

class AttentionRule {
 public:
  AttentionRule(const Attention& op, LowerCall& call)
      : op_(op), call_(call), form_{call.storage(call.out_type().dtype)} {
    const Shape& q = call.in_type(0).shape;
    const Shape& v = call.in_type(2).shape;
    const size_t rank = q.size();
    sizes_ = {.count = element_count(Shape(q.begin(), q.end() - 2)),
              .queries = q[rank - 2],
              .keys = v[rank - 2],
              .features = q.back(),
              .out_features = v.back()};
    const double scale = op.scale.value_or(1 / std::sqrt(static_cast<double>(sizes_.features)));
    scale_ = static_cast<float>(scale);
    if (op.has_mask) prepare_mask();
  }

  void lower() {
    const Ref out = call_.out(0, form_);
    const auto& [count, queries, keys, features, out_features] = sizes_;
    if (element_count({count, queries, keys, out_features}) == 0) {
      const auto bytes = static_cast<size_t>(onednn::bytes_of(call_.out_type().shape, form_));
      return call_.kernel("nothing to attend to", {}, {out}, [bytes](const Pointers& at) {
        std::fill_n(at.out[0], bytes, std::byte{0});
      });
    }
    if (features == 0) call_.give_up("sums of nothing have no kernel");
    // A few matrices at a time, so that their scores are still in the cache when they are read.
    constexpr int64_t kScores = int64_t{1} << 20, kGroups = 32;
    const int64_t most =
        std::max<int64_t>({1, kScores / (queries * keys), (count + kGroups - 1) / kGroups});
    const int64_t groups = (count + most - 1) / most;
    for (int64_t i = 0; i < groups; ++i) {
      add_group(out, count * i / groups, count * (i + 1) / groups);
    }
  }

 private:
  void prepare_mask() {
    Shape scores = call_.in_type(0).shape;
    scores.back() = sizes_.keys;
    const TensorType& type = call_.in_type(3);
    Shape shape = type.shape;
    shape.insert(shape.begin(), scores.size() - shape.size(), 1);
    const bool shown = type.dtype == DType::kBool;
    mask_.kind = shown ? Mask::Kind::kBool : Mask::Kind::kAdded;
    mask_.offsets = onednn::matrix_offsets(shape, scores);
    mask_.row_step = shape[shape.size() - 2] == 1 ? 0 : shape.back();
    mask_.wide = shape.back() != 1;
    mask_ref_ = call_.in(3, {shown ? DType::kBool : DType::kF32});
  }

  // The matrices [begin, end) of a value whose matrices have that many rows and columns.
  Ref piece(Ref whole, int64_t begin, int64_t end, int64_t rows, int64_t columns) {
    if (end - begin == sizes_.count) return whole;
    return call_.part(whole, {end - begin, rows, columns}, form_,
                      begin * rows * columns * size_of(form_.dtype));
  }

  void add_group(Ref out, int64_t begin, int64_t end) {
    const auto& [count, queries, keys, features, out_features] = sizes_;
    const int64_t n = end - begin;
    const Form sums{DType::kF32};
    const Ref q = piece(call_.in(0, form_), begin, end, queries, features);
    const Ref k = piece(call_.in(1, form_), begin, end, keys, features);
    const Ref v = piece(call_.in(2, form_), begin, end, keys, out_features);
    const Ref y = piece(out, begin, end, queries, out_features);
    const Ref scores = call_.temporary({n, queries, keys}, sums);
    const Ref shares = call_.temporary({n, queries, keys}, form_);
    const dnnl::memory::dims turned{keys * features, 1, features};
    add_product("scores", {q, k}, scores, onednn::desc_of({n, queries, features}, form_),
                {{n, features, keys}, onednn::to_dnnl(form_.dtype), turned},
                onednn::desc_of({n, queries, keys}, sums));
    add_softmax(scores, shares, begin, end);
    add_product("values", {shares, v}, y, onednn::desc_of({n, queries, keys}, form_),
                onednn::desc_of({n, keys, out_features}, form_),
                onednn::desc_of({n, queries, out_features}, form_));
  }

  void add_product(const std::string& what, std::vector<Ref> in, Ref out,
                   const dnnl::memory::desc& a, const dnnl::memory::desc& b,
                   const dnnl::memory::desc& y) {
    const auto found = onednn::implementations<dnnl::matmul>(1, {}, a, b, y);
    if (found.empty()) call_.give_up("oneDNN has no kernel for its products");
    onednn::Way way = found[0].way({{DNNL_ARG_SRC, 0}, {DNNL_ARG_WEIGHTS, 1}, {DNNL_ARG_DST, 2}});
    way.name = "matmul " + way.name;
    call_.step({.what = fmt::format("attention {}, {} x {} x {}", what, sizes_.count,
                                    sizes_.queries, sizes_.keys),
                .in = std::move(in),
                .out = {out},
                .ways = {std::move(way)}});
  }

  void add_softmax(Ref scores, Ref shares, int64_t begin, int64_t end) {
    std::vector<Ref> in{scores};
    if (op_.has_mask) in.push_back(mask_ref_);
    const int64_t rows = (end - begin) * sizes_.queries;
    const int64_t grain = std::max<int64_t>(1, 4096 / sizes_.keys);
    const bool in_place = form_.dtype == DType::kF32;
    call_.kernel(
        fmt::format("attention softmax{}", op_.causal ? ", causal" : ""), std::move(in), {shares},
        [sizes = sizes_, scale = scale_, causal = op_.causal, mask = mask_, dtype = form_.dtype,
         begin, rows, grain](const Pointers& at) {
          const std::byte* masks = at.in.size() > 1 ? at.in[1] : nullptr;
          onednn::with_floating(dtype, [&]<typename T>(T) {
            onednn::parallel_for(rows, grain, [&](int64_t from, int64_t to) {
              onednn::vectorized([&] {
                masked_softmax(sizes, scale, causal, mask, begin, masks,
                               reinterpret_cast<float*>(at.in[0]), reinterpret_cast<T*>(at.out[0]),
                               from, to);
              });
            });
          });
        },
        in_place ? std::optional<size_t>(0) : std::nullopt);
  }

  const Attention& op_;
  LowerCall& call_;
  Form form_;
  AttentionSizes sizes_{};
  float scale_ = 1;
  Mask mask_;
  Ref mask_ref_;
};

}  // namespace

void lower(const Attention& op, LowerCall& call) {
  const DType dtype = call.out_type().dtype;
  if (dtype != DType::kF32 && dtype != DType::kBF16) {
    call.give_up(fmt::format("attention of {} has no kernel", name(dtype)));
  }
  AttentionRule(op, call).lower();
}

}  // namespace rung::ops
