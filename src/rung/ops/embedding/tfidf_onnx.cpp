#include <algorithm>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/ops/embedding/embedding_onnx.h"
#include "rung/ops/layout/follow.h"

// Counts of n-grams (runs of numbers) in a row of numbers: every place is compared with every
// n-gram.

namespace rung::ops {
namespace {

constexpr int64_t kMostCompared = int64_t{1} << 27;  ///< places times n-grams

/// The n-grams of one length: `tokens` has `count` of them, one behind another.
struct Grams {
  int64_t length = 0, count = 0;
  Sizes tokens;
};

/// The pool holds n-grams of one number, then those of two, …; ngram_counts says where each begins.
std::vector<Grams> read_pool(OnnxCall& call) {
  const Sizes pool = call.integers("pool_int64s", {}), begins = call.integers("ngram_counts");
  const auto size = static_cast<int64_t>(pool.size());
  std::vector<Grams> out;
  for (size_t i = 0; i < begins.size(); ++i) {
    const int64_t begin = begins[i], end = i + 1 < begins.size() ? begins[i + 1] : size;
    const auto length = static_cast<int64_t>(i) + 1;
    if (begin < 0 || begin > end || end > size || (end - begin) % length != 0) {
      fail_user("the n-grams of {} numbers reach from {} to {} in a pool of {}", length, begin, end,
                size);
    }
    out.push_back(
        {length, (end - begin) / length, Sizes(pool.begin() + begin, pool.begin() + end)});
  }
  return out;
}

/// x [N, C] without the last numbers, of which `behind` follow the first of an n-gram.
Ref cut_from(OnnxCall& call, Ref x, int64_t first, int64_t behind) {
  return call.add(
      Slice{.axis = 1, .begin = first, .end = first < behind ? first - behind : INT64_MAX}, {x});
}

/// [N, count]: how often each n-gram occurs in x, with `step` from one of its numbers to the next.
Ref found(OnnxCall& call, Ref x, const Grams& grams, int64_t step) {
  const int64_t behind = (grams.length - 1) * step;
  std::optional<Ref> all;
  for (int64_t k = 0; k < grams.length; ++k) {
    Tensor tokens(DType::kI64, {grams.count});
    for (int64_t i = 0; i < grams.count; ++i) {
      tokens.set_integer(i, grams.tokens[static_cast<size_t>(i * grams.length + k)]);
    }
    const Ref here = call.add(Unsqueeze{.axes = {2}}, {cut_from(call, x, k * step, behind)});
    const Ref same = call.binary(BinaryFn::kEqual, here, call.add(Constant{tokens}, {}));
    all = all ? call.binary(BinaryFn::kAnd, *all, same) : same;
  }
  return call.add(Reduce{.kind = ReduceKind::kSum, .axes = {1}}, {call.cast(*all, DType::kF32)});
}

/// The same at every step; one number has but one. Zeros where x is too short for the n-gram.
Ref counted(OnnxCall& call, Ref x, const Dim& size, const Grams& grams, int64_t most_skipped) {
  const int64_t steps = grams.length == 1 ? 1 : most_skipped + 1;
  const auto shortest = *std::min_element(size.seen.begin(), size.seen.end());
  std::optional<Ref> sum;
  for (int64_t step = 1; step <= steps; ++step) {
    const int64_t behind = (grams.length - 1) * step;
    if (behind >= size.value() && !size.varies()) break;
    if (behind >= shortest) call.fix({size});
    const Ref now = found(call, x, grams, step);
    sum = sum ? call.binary(BinaryFn::kAdd, *sum, now) : now;
  }
  if (sum) return *sum;
  const Dim rows = call.sizes_of(x)[0];
  const Dim count{std::vector<int64_t>(rows.seen.size(), grams.count)};
  return zeros_of(call, {rows, count}, DType::kF32);
}

/// One more than the last place to which an n-gram goes.
int64_t columns_of(const Sizes& to) {
  if (to.empty() || *std::min_element(to.begin(), to.end()) < 0) {
    fail_user("attribute ngram_indexes is {}", to_string(to));
  }
  const int64_t last = *std::max_element(to.begin(), to.end());
  if (last >= kMostCompared) fail_unsupported("TfIdfVectorizer with a result at {}", last);
  return last + 1;
}

/// A weight for each n-gram of the pool: 1 where the results are counts.
std::vector<double> read_weights(OnnxCall& call, const std::string& mode, size_t count) {
  if (mode != "TF" && mode != "IDF" && mode != "TFIDF") {
    fail_user("attribute mode is {}; it is TF, IDF or TFIDF", quoted(mode));
  }
  const auto weights = call.numbers("weights");
  if (mode == "TF" || weights.empty()) return std::vector<double>(count, 1);
  if (weights.size() != count) fail_user("{} weights for {} n-grams", weights.size(), count);
  return weights;
}

/// [K, out]: the weight of the row's n-gram, in the column to which it goes. (The weights are the
/// n-grams', as ONNX says and ONNX Runtime has it; onnx.reference takes them for the columns'.)
Tensor destinations(const Sizes& to, const std::vector<double>& weights, size_t first, int64_t rows,
                    int64_t columns) {
  Tensor out(DType::kF32, {rows, columns});
  for (int64_t i = 0; i < rows; ++i) {
    const size_t gram = first + static_cast<size_t>(i);
    out.set(i * columns + to[gram], weights[gram]);
  }
  return out;
}

}  // namespace

// x [C] or [N, C], whole numbers; [out] or [N, out], f32
OnnxResult tfidf_vectorizer(OnnxCall& call) {
  if (call.has("pool_strings")) fail_unsupported("TfIdfVectorizer of text; numbers are supported");
  const Dims sizes = call.sizes(0);
  if (sizes.empty() || sizes.size() > 2) fail_user("TfIdfVectorizer of {} axes", sizes.size());
  Ref x = call.cast(call.tensor(0), DType::kI64);
  if (sizes.size() == 1) x = call.add(Unsqueeze{.axes = {0}}, {x});
  const int64_t shortest = call.integer("min_gram_length");
  const int64_t longest = call.integer("max_gram_length");
  const int64_t most_skipped = call.integer("max_skip_count");
  if (shortest < 1 || longest < shortest || most_skipped < 0) {
    fail_user("n-grams of {} to {} numbers with up to {} between", shortest, longest, most_skipped);
  }
  const Sizes to = call.integers("ngram_indexes");
  const int64_t columns = columns_of(to), numbers = sizes.back().value();
  const std::string mode = call.text("mode");
  const auto weights = read_weights(call, mode, to.size());
  std::optional<Ref> sum;
  size_t first = 0;
  for (const Grams& grams : read_pool(call)) {
    const auto count = static_cast<size_t>(grams.count);
    if (count > to.size() - first) fail_user("{} n-grams for more in the pool", to.size());
    if (grams.count > kMostCompared / std::max<int64_t>({columns, numbers, 1})) {
      fail_unsupported("TfIdfVectorizer of {} n-grams on {} numbers", grams.count, numbers);
    }
    if (count > 0 && grams.length >= shortest && grams.length <= longest) {
      Ref counts = counted(call, x, sizes.back(), grams, most_skipped);
      if (mode == "IDF") counts = call.add(Clamp{.low = {}, .high = 1}, {counts});
      const Tensor table = destinations(to, weights, first, grams.count, columns);
      const Ref part = call.add(MatMul{}, {counts, call.add(Constant{table}, {})});
      sum = sum ? call.binary(BinaryFn::kAdd, *sum, part) : part;
    }
    first += count;
  }
  if (!sum) fail_user("the pool has no n-grams of {} to {} numbers", shortest, longest);
  return {sizes.size() == 1 ? call.add(Squeeze{.axes = {0}}, {*sum}) : *sum};
}

}  // namespace rung::ops
