#include "rung/base/error.h"
#include "rung/ops/layout/layout_onednn.h"
#include "rung/ops/layout/move.h"

namespace rung::ops {
namespace {

using onednn::Form;
using onednn::Layout;
using onednn::LowerCall;
using onednn::View;

/// Borders that bring input 0 to the sizes of the result: zeros, or negative where it is cut.
void fit(LowerCall& call, Anchor anchor) {
  const Shape &from = call.in_type(0).shape, &to = call.out_type().shape;
  Sizes begin, end;
  for (size_t i = 0; i < from.size(); ++i) {
    const int64_t spare = std::abs(to[i] - from[i]), sign = to[i] < from[i] ? -1 : 1;
    begin.push_back(sign * spare_before(anchor, spare));
    end.push_back(sign * (spare - spare_before(anchor, spare)));
  }
  lower_pad(call, begin, end, PadMode::kZeros, 0);
}

}  // namespace

void lower(const CropLike& op, LowerCall& call) { fit(call, op.anchor); }
void lower(const PadLike& op, LowerCall& call) { fit(call, op.anchor); }

// Written in blocks, as what reads maps wants them.
void lower(const TokensToMap&, LowerCall& call) {
  const Shape& tokens = call.in_type(0).shape;
  const Form from = {call.form(0).dtype, Layout::kPlain};
  const bool blocks = from.dtype == DType::kF32 || from.dtype == DType::kBF16;
  const Form to = {from.dtype, blocks ? Layout::kBlocked : Layout::kPlain};
  const Shape line = {tokens[0], tokens[2], tokens[1]};  // as the map lies
  onednn::Mover mover(from.dtype);
  mover.copy(0, View(tokens, from).reordered({0, 2, 1}), View(line, to));
  mover.fill_up(line, to);
  call.kernel("tokens to map", {call.in(0, from)}, {call.out(0, to)}, mover.kernel());
}

}  // namespace rung::ops
