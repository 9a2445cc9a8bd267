#include "rung/ops/reduce/reduce.h"

#include <algorithm>
#include <numeric>

#include "rung/base/error.h"
#include "rung/ops/check.h"

namespace rung::ops {

namespace {

bool needs_floating(ReduceKind kind) {
  return kind == ReduceKind::kMean || kind == ReduceKind::kNorm1 || kind == ReduceKind::kNorm2 ||
         kind == ReduceKind::kLogSumExp;
}

DType result_dtype(ReduceKind kind, DType in) {
  if (kind == ReduceKind::kArgMax) return DType::kI64;
  const bool adds_up = kind == ReduceKind::kSum || kind == ReduceKind::kProd;
  return adds_up && !is_floating(in) ? DType::kI64 : in;
}

/// Some reductions have no result where there is nothing to reduce.
void check_anything_there(ReduceKind kind, std::string_view name, const TensorType& x,
                          const std::vector<size_t>& axes) {
  if (kind != ReduceKind::kMax && kind != ReduceKind::kMin && kind != ReduceKind::kArgMax) return;
  for (const size_t axis : axes) {
    if (x.shape[axis] == 0) fail_user("{}: axis {} of x {} is empty", name, axis, to_string(x));
  }
}

}  // namespace

std::vector<TensorType> infer(const Reduce& op, Types in) {
  const auto name = names(op.kind)[static_cast<size_t>(op.kind)];
  check_inputs(name, in, "x", 1);
  const TensorType& x = in[0];
  if (needs_floating(op.kind)) check_floating(name, in);
  auto axes = distinct_axes(name, op.axes, x.rank());
  if (op.kind == ReduceKind::kArgMax && (axes.size() != 1 || x.dtype == DType::kBool)) {
    fail_user("{}: takes one axis of numbers, not axes {} of {}", name, to_string(op.axes),
              to_string(x));
  }
  if (axes.empty()) {
    axes.resize(x.rank());
    std::iota(axes.begin(), axes.end(), size_t{0});
  }
  check_anything_there(op.kind, name, x, axes);
  Shape shape;
  Roles roles;
  for (size_t i = 0; i < x.rank(); ++i) {
    const bool folded = std::find(axes.begin(), axes.end(), i) != axes.end();
    if (folded && !op.keep_axes) continue;
    shape.push_back(folded ? 1 : x.shape[i]);
    roles.push_back(x.roles[i]);
  }
  return output(name, result_dtype(op.kind, x.dtype), std::move(shape), std::move(roles));
}

std::vector<TensorType> infer(const Softmax& op, Types in) {
  auto out = same_as_input(Softmax::kName, in);
  check_floating(Softmax::kName, in);
  axis_in(Softmax::kName, op.axis, in[0]);
  return out;
}

int64_t macs(const Reduce&, Types, Types) { return 0; }
int64_t macs(const Softmax&, Types, Types) { return 0; }

}  // namespace rung::ops
