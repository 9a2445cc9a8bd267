#include <algorithm>

#include "rung/base/error.h"
#include "rung/ops/eager.h"
#include "rung/ops/eager_util.h"

namespace rung::ops {
namespace {

/// The axes as non-negative numbers, descending; all of them where none is given.
AxisSizes resolved(const Sizes& axes, int64_t rank) {
  AxisSizes out;
  for (const int64_t axis : axes) {
    out.push_back(static_cast<int64_t>(resolve_axis(axis, static_cast<size_t>(rank))));
  }
  if (axes.empty()) {
    for (int64_t axis = 0; axis < rank; ++axis) out.push_back(axis);
  }
  std::sort(out.rbegin(), out.rend());
  return out;
}

at::Tensor product(const at::Tensor& x, const AxisSizes& axes, bool keep) {
  at::Tensor out = x.is_floating_point() ? x : x.to(at::kLong);
  for (const int64_t axis : axes) out = at::prod(out, axis, keep);
  return out;
}

at::Tensor reduce(const Reduce& op, const at::Tensor& x) {
  const auto axes = resolved(op.axes, x.dim());
  const bool keep = op.keep_axes;
  switch (op.kind) {
    case ReduceKind::kSum:
      return at::sum(x, axes, keep);
    case ReduceKind::kMean:
      return at::mean(x, axes, keep);
    case ReduceKind::kMax:
      return at::amax(x, axes, keep);
    case ReduceKind::kMin:
      return at::amin(x, axes, keep);
    case ReduceKind::kProd:
      return product(x, axes, keep);
    case ReduceKind::kNorm1:
      return at::linalg_vector_norm(x, 1, axes, keep);
    case ReduceKind::kNorm2:
      return at::linalg_vector_norm(x, 2, axes, keep);
    case ReduceKind::kLogSumExp:
      return at::logsumexp(x, axes, keep);
    case ReduceKind::kArgMax:
      return at::argmax(x, axes[0], keep);
  }
  fail_bug("unknown reduction");
}

}  // namespace

Tensors run(const Reduce& op, const Tensors& in, const RunContext&) { return {reduce(op, in[0])}; }

Tensors run(const Softmax& op, const Tensors& in, const RunContext&) {
  return {op.log ? at::log_softmax(in[0], op.axis) : at::softmax(in[0], op.axis)};
}

}  // namespace rung::ops
