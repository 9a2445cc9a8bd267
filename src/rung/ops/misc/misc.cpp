#include "rung/ops/misc/misc.h"

#include "rung/base/error.h"
#include "rung/ops/check.h"

namespace rung::ops {

std::vector<TensorType> infer(const Dropout& op, Types in) {
  auto out = same_as_input(Dropout::kName, in);
  check_floating(Dropout::kName, in);
  if (!(op.p >= 0 && op.p <= 1)) fail_user("Dropout: p must lie between 0 and 1, it is {}", op.p);
  if (op.channels) check_rank(Dropout::kName, "x", in[0], "[N, C, …]", 2, kMaxRank);
  return out;
}

std::vector<TensorType> infer(const Cast& op, Types in) {
  auto out = same_as_input(Cast::kName, in);
  out[0].dtype = op.dtype;
  return out;
}

std::vector<TensorType> infer(const Detach&, Types in) { return same_as_input(Detach::kName, in); }
std::vector<TensorType> infer(const FullLike&, Types in) {
  return same_as_input(FullLike::kName, in);
}

std::vector<TensorType> infer(const ArangeLike& op, Types in) {
  check_inputs(ArangeLike::kName, in, "like", 1);
  const size_t axis = axis_in(ArangeLike::kName, op.axis, in[0]);
  if (op.dtype == DType::kBool) fail_user("ArangeLike: bool does not count");
  return output(ArangeLike::kName, op.dtype, {in[0].shape[axis]}, {in[0].roles[axis]});
}

std::vector<TensorType> infer(const Opaque& op, Types in) {
  check_inputs(Opaque::kName, in, "those of its schema", 0, SIZE_MAX);
  if (op.types.empty()) fail_user("Opaque: no output type is recorded for '{}'", op.schema);
  std::vector<TensorType> out;
  if (op.like >= static_cast<int64_t>(in.size())) {
    fail_user("Opaque: like is {}, and there are {} inputs", op.like, in.size());
  }
  for (const TensorType& recorded : op.types) {
    if (op.like >= 0) {
      const TensorType& x = in[static_cast<size_t>(op.like)];
      out.push_back(output(Opaque::kName, recorded.dtype, x.shape, x.roles)[0]);
      continue;
    }
    Shape shape = recorded.shape;
    const bool batched = !shape.empty() && recorded.roles[0] == Role::kBatch;
    if (batched && !in.empty() && in[0].has(Role::kBatch)) {
      shape[0] = in[0].shape[in[0].axis_of(Role::kBatch)];
    }
    out.push_back(output(Opaque::kName, recorded.dtype, std::move(shape), recorded.roles)[0]);
  }
  return out;
}

int64_t macs(const Dropout&, Types, Types) { return 0; }
int64_t macs(const Cast&, Types, Types) { return 0; }
int64_t macs(const Detach&, Types, Types) { return 0; }
int64_t macs(const FullLike&, Types, Types) { return 0; }
int64_t macs(const ArangeLike&, Types, Types) { return 0; }
int64_t macs(const Opaque&, Types, Types) { return 0; }

}  // namespace rung::ops
