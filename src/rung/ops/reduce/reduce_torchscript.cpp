#include "rung/ops/torchscript.h"

namespace rung::ops {
namespace {

Ref input(AtenCall& call, DType dtype) { return call.cast(call.tensor(0), dtype); }

/// Sums and means are taken in the dtype of the result, extremes in the input's.
Ref operand(AtenCall& call, ReduceKind kind) {
  const bool computes =
      kind == ReduceKind::kSum || kind == ReduceKind::kMean || kind == ReduceKind::kProd;
  return computes ? input(call, call.result_dtype()) : call.tensor(0);
}

AtenResult reduce(AtenCall& call, ReduceKind kind, Sizes axes, bool keep) {
  return {{call.add(Reduce{.kind = kind, .axes = std::move(axes), .keep_axes = keep},
                    {operand(call, kind)})}};
}

// input, dtype · or · input, axes, keepdim, dtype
template <ReduceKind Kind>
AtenResult fold(AtenCall& call) {
  if (call.type(call.tensor(0)).rank() == 0) return std::nullopt;
  if (call.size() < 3) return reduce(call, Kind, {}, false);
  return reduce(call, Kind, call.given(1) ? call.integers(1) : Sizes{}, call.flag(2));
}

// input · or · input, other · or · input, axis, keepdim -> values, indices
template <ReduceKind Kind, BinaryFn Pairwise>
AtenResult extreme(AtenCall& call) {
  if (call.type(call.tensor(0)).rank() == 0) return std::nullopt;
  if (call.size() == 1) return reduce(call, Kind, {}, false);
  if (call.is_tensor(1)) {
    const DType dtype = call.result_dtype();
    return {{call.add(Binary{Pairwise}, {input(call, dtype), call.cast(call.tensor(1), dtype)})}};
  }
  if (call.used(1)) return std::nullopt;
  const auto values = reduce(call, Kind, call.integers(1), call.flag(2));
  return std::vector<Ref>(2, values->front());
}

// input, axis, keepdim
AtenResult arg_max(AtenCall& call) {
  if (!call.given(1)) return std::nullopt;
  return reduce(call, ReduceKind::kArgMax, call.integers(1), call.flag(2));
}

AtenResult norm(AtenCall& call, double order, Sizes axes, bool keep) {
  if (order != 1 && order != 2) return std::nullopt;
  return reduce(call, order == 1 ? ReduceKind::kNorm1 : ReduceKind::kNorm2, std::move(axes), keep);
}

// input, p, axes, keepdim · or · input, p
AtenResult p_norm(AtenCall& call) {
  if (call.size() != 2 && call.size() != 4) return std::nullopt;
  const double order = call.given(1) ? call.number(1) : 2;
  if (call.size() == 2) return norm(call, order, {}, false);
  return norm(call, order, call.integers(2), call.flag(3));
}

// input, order, axes, keepdim, dtype
AtenResult vector_norm(AtenCall& call) {
  if (call.given(4)) return std::nullopt;
  return norm(call, call.number(1), call.given(2) ? call.integers(2) : Sizes{}, call.flag(3));
}

// input, axis, dtype
template <bool Log>
AtenResult softmax(AtenCall& call) {
  if (call.type(call.tensor(0)).rank() == 0) return std::nullopt;
  return {
      {call.add(Softmax{.axis = call.integer(1), .log = Log}, {input(call, call.result_dtype())})}};
}

constexpr AtenEntry kReduceRules[] = {
    {"aten::mean", fold<ReduceKind::kMean>},
    {"aten::sum", fold<ReduceKind::kSum>},
    {"aten::prod", fold<ReduceKind::kProd>},
    {"aten::amax", fold<ReduceKind::kMax>},
    {"aten::amin", fold<ReduceKind::kMin>},
    {"aten::logsumexp", fold<ReduceKind::kLogSumExp>},
    {"aten::max", extreme<ReduceKind::kMax, BinaryFn::kMax>},
    {"aten::min", extreme<ReduceKind::kMin, BinaryFn::kMin>},
    {"aten::argmax", arg_max},
    {"aten::norm", p_norm},
    {"aten::linalg_vector_norm", vector_norm},
    {"aten::softmax", softmax<false>},
    {"aten::_softmax", softmax<false>},
    {"aten::log_softmax", softmax<true>},
    {"aten::_log_softmax", softmax<true>},
};

}  // namespace

AtenRules reduce_rules() { return kReduceRules; }

}  // namespace rung::ops
