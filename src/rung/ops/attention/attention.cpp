#include "rung/ops/attention/attention.h"

#include <algorithm>

#include "rung/base/error.h"
#include "rung/ops/check.h"

namespace rung::ops {

namespace {

constexpr std::string_view kForms[] = {"q […, T, E]", "k […, S, E]", "v […, S, F]"};

void check_sizes(const TensorType& q, const TensorType& k, const TensorType& v) {
  const size_t rank = q.rank();
  const auto fail = [&](std::string_view rule) {
    fail_user("Attention: {}; q is {}, k {}, v {}", rule, to_string(q.shape), to_string(k.shape),
              to_string(v.shape));
  };
  if (k.rank() != rank || v.rank() != rank) fail("q, k and v must have one rank");
  const auto leading = static_cast<std::ptrdiff_t>(rank) - 2;
  for (const TensorType* other : {&k, &v}) {
    if (!std::equal(q.shape.begin(), q.shape.begin() + leading, other->shape.begin())) {
      fail("the axes before the last two must be equal; expand the smaller ones");
    }
  }
  if (q.shape.back() != k.shape.back()) fail("q and k must have equally many features");
  if (k.shape[rank - 2] != v.shape[rank - 2]) fail("k and v must be equally long");
}

void check_mask(const TensorType& mask, const TensorType& q, const TensorType& k) {
  Shape scores = q.shape;
  scores.back() = k.shape[k.rank() - 2];
  if (mask.rank() > scores.size() ||
      broadcast_inputs(Attention::kName, mask.shape, scores) != scores) {
    fail_user("Attention: mask {} must broadcast to the scores {}", to_string(mask.shape),
              to_string(scores));
  }
  if (mask.dtype != DType::kBool && mask.dtype != q.dtype) {
    fail_user("Attention: mask must be bool or {}, it is {}; cast it", name(q.dtype),
              to_string(mask));
  }
}

}  // namespace

std::vector<TensorType> infer(const Attention& op, Types in) {
  check_inputs(Attention::kName, in, op.has_mask ? "q, k, v, mask" : "q, k, v",
               op.has_mask ? 4 : 3);
  check_floating(Attention::kName, in.first(3));
  for (size_t i = 0; i < 3; ++i) {
    check_rank(Attention::kName, kForms[i].substr(0, 1), in[i], kForms[i].substr(2), 2, kMaxRank);
  }
  check_sizes(in[0], in[1], in[2]);
  if (op.has_mask) check_mask(in[3], in[0], in[1]);
  Shape shape = in[0].shape;
  shape.back() = in[2].shape.back();
  return output(Attention::kName, in[0].dtype, std::move(shape), in[0].roles);
}

int64_t macs(const Attention&, Types in, Types out) {
  const int64_t length = in[1].shape[in[1].rank() - 2];
  return checked_add(checked_mul(in[0].elements(), length), checked_mul(out[0].elements(), length));
}

}  // namespace rung::ops
