#include <limits>

#include "rung/base/error.h"
#include "rung/ops/layout/follow.h"
#include "rung/ops/onnx.h"

namespace rung::ops {
namespace {

/// Folds the axes of the call; nothing to do where it asks for none.
template <typename F>
OnnxResult reduce(OnnxCall& call, const F& fold) {
  const Sizes axes = call.integers(1, "axes");
  const bool nothing = axes.empty() && call.integer("noop_with_empty_axes", 0) != 0;
  const Ref x = call.tensor(0);
  if (nothing) return {fold(x, Reduce{}, true)};
  return {fold(x, Reduce{.axes = axes, .keep_axes = call.integer("keepdims", 1) != 0}, false)};
}

/// The fold in the input's type: sums of whole numbers are i64 to rung.
Ref folded(OnnxCall& call, Ref x, Reduce op, ReduceKind kind, bool nothing) {
  op.kind = kind;
  return nothing ? x : call.cast(call.add(op, {x}), call.type(x).dtype);
}

/// The largest of no elements at all is the least number there is.
Ref of_none(OnnxCall& call, Ref x, Reduce op, bool largest) {
  const DType dtype = call.type(x).dtype;
  double end = std::numeric_limits<double>::infinity();
  if (dtype == DType::kBool) {
    end = largest ? 0 : 1;
  } else if (!is_floating(dtype)) {
    fail_unsupported("the largest or smallest of no whole numbers");
  } else if (largest) {
    end = -end;
  }
  op.kind = ReduceKind::kSum;
  const Ref sum = call.cast(call.add(op, {call.cast(x, DType::kF32)}), dtype);
  return call.add(FullLike{.value = end}, {sum});
}

template <ReduceKind Kind>
OnnxResult plain(OnnxCall& call) {
  return reduce(call, [&](Ref x, const Reduce& op, bool nothing) {
    const DType dtype = call.type(x).dtype;
    if ((Kind == ReduceKind::kMax || Kind == ReduceKind::kMin) && call.type(x).elements() == 0) {
      return of_none(call, x, op, Kind == ReduceKind::kMax);
    }
    const bool needs_fractions = Kind == ReduceKind::kMean || Kind == ReduceKind::kNorm1 ||
                                 Kind == ReduceKind::kNorm2 || Kind == ReduceKind::kLogSumExp;
    if (dtype == DType::kBool) x = call.cast(x, DType::kI64);
    if (!is_floating(dtype) && needs_fractions) x = call.cast(x, DType::kF64);
    if (nothing && (Kind == ReduceKind::kNorm1 || Kind == ReduceKind::kNorm2)) {
      x = call.unary(UnaryFn::kAbs, x);
    }
    return call.cast(folded(call, x, op, Kind, nothing), dtype);
  });
}

OnnxResult sum_square(OnnxCall& call) {
  return reduce(call, [&](Ref x, const Reduce& op, bool nothing) {
    return folded(call, call.binary(BinaryFn::kMul, x, x), op, ReduceKind::kSum, nothing);
  });
}

OnnxResult log_sum(OnnxCall& call) {
  return reduce(call, [&](Ref x, const Reduce& op, bool nothing) {
    return call.unary(UnaryFn::kLog, folded(call, x, op, ReduceKind::kSum, nothing));
  });
}

template <bool Least>
OnnxResult arg(OnnxCall& call) {
  const Ref given = call.tensor(0);
  const auto axis =
      static_cast<int64_t>(resolve_axis(call.integer("axis", 0), call.type(given).rank()));
  const bool last = call.integer("select_last_index", 0) != 0;
  Ref x = Least ? call.unary(UnaryFn::kNeg, given) : given;
  if (last) x = flipped(call, x, axis);
  const bool keep = call.integer("keepdims", 1) != 0;
  const Reduce op{.kind = ReduceKind::kArgMax, .axes = {axis}, .keep_axes = keep};
  const Ref place = call.add(op, {x});
  if (!last) return {place};
  const Dim size = call.sizes(0).at(static_cast<size_t>(axis));
  if (size.varies()) call.fix({size});
  const Ref end = call.scalar(static_cast<double>(size.value() - 1), DType::kI64);
  return {call.binary(BinaryFn::kSub, end, place)};
}

/// Before opset 13, an axis meant: it and all behind it together.
template <typename F>
OnnxResult along(OnnxCall& call, const F& apply) {
  const bool old = call.opset() < 13;
  const Ref x = call.tensor(0);
  const size_t rank = call.type(x).rank();
  const auto axis = static_cast<int64_t>(resolve_axis(call.integer("axis", old ? 1 : -1), rank));
  const int64_t end = static_cast<int64_t>(rank) - 1;
  if (!old || axis == end) return {apply(x, axis)};
  const Ref flat = call.add(Flatten{.first = axis, .last = end}, {x});
  return {reshape_to(call, apply(flat, axis), call.sizes_of(flat), call.sizes(0))};
}

template <bool Log>
OnnxResult softmax(OnnxCall& call) {
  return along(
      call, [&](Ref x, int64_t axis) { return call.add(Softmax{.axis = axis, .log = Log}, {x}); });
}

// 1 where the largest is (the first of them), else 0
OnnxResult hardmax(OnnxCall& call) {
  return along(call, [&](Ref x, int64_t axis) {
    const Ref place =
        call.add(Reduce{.kind = ReduceKind::kArgMax, .axes = {axis}, .keep_axes = true}, {x});
    Ref count = call.add(ArangeLike{.axis = axis}, {x});
    Sizes behind;
    for (size_t i = static_cast<size_t>(axis) + 1; i < call.type(x).rank(); ++i) {
      behind.push_back(static_cast<int64_t>(i) - axis);
    }
    if (!behind.empty()) count = call.add(Unsqueeze{.axes = behind}, {count});
    const Ref is = call.add(Binary{BinaryFn::kEqual}, {place, count});
    return call.cast(is, call.type(x).dtype);
  });
}

template <bool Product>
OnnxResult running(OnnxCall& call) {
  Ref x = call.tensor(0);
  const DType dtype = call.type(x).dtype;
  const size_t place = resolve_axis(call.integer(1), call.type(x).rank());
  const auto axis = static_cast<int64_t>(place);
  const bool back = call.integer("reverse", 0) != 0;
  if (back) x = flipped(call, x, axis);
  if (call.integer("exclusive", 0) != 0) {  // what stands before: one step later
    Pad shift{.begin = Sizes(call.type(x).rank(), 0), .end = Sizes(call.type(x).rank(), 0)};
    shift.begin[place] = 1;
    shift.end[place] = -1;
    shift.value = Product ? 1 : 0;
    x = call.add(shift, {x});
  }
  const char* schema = Product ? "aten::cumprod(Tensor self, int dim, *, ScalarType? dtype=None)"
                                 " -> Tensor"
                               : "aten::cumsum(Tensor self, int dim, *, ScalarType? dtype=None)"
                                 " -> Tensor";
  const DType computed = is_floating(dtype) ? dtype : DType::kI64;
  Ref y = Aten(call, schema).input(x).integer(axis).none().like(0, computed);
  if (back) y = flipped(call, y, axis);
  return {call.cast(y, dtype)};
}

OnnxResult top_k(OnnxCall& call) {
  const Ref x = call.tensor(0);
  const size_t axis = resolve_axis(call.integer("axis", -1), call.type(x).rank());
  const int64_t k = call.given(1) ? call.integer(1) : call.integer("k");
  const Dim size = call.sizes(0)[axis];
  for (const int64_t n : size.seen) {
    if (k < 0 || k > n) fail_user("TopK asks for the {} largest of an axis of {}", k, n);
  }
  // Of equal numbers, the first ones: a stable sort, cut off.
  auto out = Aten(call,
                  "aten::sort.stable(Tensor self, *, bool? stable, int dim=-1, bool "
                  "descending=False) -> (Tensor values, Tensor indices)")
                 .input(x)
                 .flag(true)
                 .integer(static_cast<int64_t>(axis))
                 .flag(call.integer("largest", 1) != 0)
                 .both_like();
  for (Ref& y : out) {
    y = call.add(Slice{.axis = static_cast<int64_t>(axis), .begin = 0, .end = k}, {y});
  }
  return out;
}

/// -log_probabilities[n, target[n, …], …], weighted by class, folded as asked.
Ref nll(OnnxCall& call, Ref log_p, Ref target, std::optional<Ref> weight) {
  const std::string how = call.text("reduction", "mean");
  const bool ignores = call.has("ignore_index");
  const int64_t ignored = call.integer("ignore_index", 0);
  target = call.cast(target, DType::kI64);
  const DType dtype = call.type(log_p).dtype;
  Ref safe = target;
  std::optional<Ref> skipped;
  if (ignores) {
    skipped = call.with_number(BinaryFn::kEqual, target, static_cast<double>(ignored));
    safe = call.add(Where{}, {*skipped, call.scalar(0, DType::kI64), target});
  }
  const Ref place = call.add(Unsqueeze{.axes = {1}}, {safe});
  Ref loss = taken_along(call, log_p, 1, place);
  loss = call.unary(UnaryFn::kNeg, call.add(Squeeze{.axes = {1}}, {loss}));
  Ref factor = call.add(FullLike{.value = 1}, {loss});
  if (weight) factor = call.add(Gather{.axis = 0}, {*weight, safe});
  if (skipped) factor = call.add(Where{}, {*skipped, call.scalar(0, dtype), factor});
  loss = call.binary(BinaryFn::kMul, loss, factor);
  if (how == "none") return loss;
  const Ref sum = call.add(Reduce{.kind = ReduceKind::kSum}, {loss});
  if (how == "sum") return sum;
  if (how != "mean") fail_user("attribute reduction is '{}'", how);
  return call.binary(BinaryFn::kDiv, sum, call.add(Reduce{.kind = ReduceKind::kSum}, {factor}));
}

OnnxResult nll_loss(OnnxCall& call) {
  return {nll(call, call.tensor(0), call.tensor(1),
              call.given(2) ? std::optional(call.tensor(2)) : std::nullopt)};
}

OnnxResult cross_entropy(OnnxCall& call) {
  const Ref log_p = call.add(Softmax{.axis = 1, .log = true}, {call.tensor(0)});
  return {nll(call, log_p, call.tensor(1),
              call.given(2) ? std::optional(call.tensor(2)) : std::nullopt),
          log_p};
}

constexpr OnnxEntry kReduceRules[] = {
    {"NegativeLogLikelihoodLoss", nll_loss},
    {"SoftmaxCrossEntropyLoss", cross_entropy},
    {"ReduceSum", plain<ReduceKind::kSum>},
    {"ReduceMean", plain<ReduceKind::kMean>},
    {"ReduceMax", plain<ReduceKind::kMax>},
    {"ReduceMin", plain<ReduceKind::kMin>},
    {"ReduceProd", plain<ReduceKind::kProd>},
    {"ReduceL1", plain<ReduceKind::kNorm1>},
    {"ReduceL2", plain<ReduceKind::kNorm2>},
    {"ReduceLogSumExp", plain<ReduceKind::kLogSumExp>},
    {"ReduceSumSquare", sum_square},
    {"ReduceLogSum", log_sum},
    {"ArgMax", arg<false>},
    {"ArgMin", arg<true>},
    {"Softmax", softmax<false>},
    {"LogSoftmax", softmax<true>},
    {"Hardmax", hardmax},
    {"CumSum", running<false>},
    {"CumProd", running<true>},
    {"TopK", top_k},
};

}  // namespace

OnnxRules reduce_onnx() { return kReduceRules; }

}  // namespace rung::ops
