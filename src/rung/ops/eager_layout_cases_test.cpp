// Random cases of the ops that move elements, look them up or fold axes, and of matrix products.
#include <algorithm>
#include <numeric>

#include "rung/ops/eager_cases.h"

namespace rung::ops {
namespace {

int64_t size_at(const Shape& shape, int64_t axis) {
  return shape[resolve_axis(axis, shape.size())];
}

/// Some different axes of a rank, counted from either end.
Sizes some_axes(Rng& rng, size_t rank) {
  Sizes axes;
  for (int64_t axis = 0; axis < static_cast<int64_t>(rank); ++axis) {
    if (chance(rng, 0.5)) continue;
    axes.push_back(chance(rng, 0.3) ? axis - static_cast<int64_t>(rank) : axis);
  }
  return axes;
}

/// Elements that an op only moves: of any type.
CaseInput any_elements(Rng& rng, Shape shape) {
  if (chance(rng, 0.8)) return floats(std::move(shape));
  const auto dtype = pick(rng, std::vector<DType>{DType::kI64, DType::kI32, DType::kU8});
  return integers(std::move(shape), 0, 100, dtype);
}

Case moved(Op op, CaseInput x) {
  const bool floating = is_floating(x.type.dtype);
  return {.op = std::move(op),
          .inputs = {std::move(x)},
          .gradient = floating ? Gradient::kSmooth : Gradient::kCut};
}

}  // namespace

Case random_case(For<Linear>, Rng& rng) {
  Shape x = any_shape(rng, 1, 4);
  x.back() = rng.integer(1, 5);
  const int64_t out = rng.integer(1, 5);
  Case result{.op = Linear{}, .inputs = {floats(x), floats({out, x.back()})}};
  if (chance(rng, 0.5)) result.inputs.push_back(floats({out}));
  return result;
}

Case random_case(For<MatMul>, Rng& rng) {
  const int64_t inner = rng.integer(1, 4);
  const Shape batch = sizes(rng, static_cast<size_t>(rng.integer(0, 2)), 1, 3);
  Shape a = batch, b = batch;
  for (size_t i = 0; i < batch.size(); ++i) {  // broadcast one of the two
    if (chance(rng, 0.3)) (chance(rng, 0.5) ? a : b)[i] = 1;
  }
  if (chance(rng, 0.3)) b.clear();
  a.insert(a.end(), {rng.integer(1, 4), inner});
  b.insert(b.end(), {inner, rng.integer(1, 4)});
  if (chance(rng, 0.15)) a = {inner};
  if (chance(rng, 0.15)) b = {inner};
  return {.op = MatMul{}, .inputs = {floats(a), floats(b)}};
}

Case random_case(For<Recurrent>, Rng& rng) {
  Recurrent op;
  op.cell = pick_enum<Cell>(rng);
  op.hidden = rng.integer(1, 4);
  op.layers = rng.integer(1, 2);
  op.bidirectional = chance(rng, 0.5);
  op.batch_first = chance(rng, 0.5);
  op.bias = chance(rng, 0.7);
  op.has_state = chance(rng, 0.4);
  op.dropout = op.layers > 1 && chance(rng, 0.5) ? 0.3 : 0;
  const int64_t directions = op.bidirectional ? 2 : 1;
  const Shape x = sizes(rng, 3, 1, 3);
  Case result{.op = op, .inputs = {floats(x)}, .training = chance(rng, 0.5)};
  const Shape state = {op.layers * directions, x[op.batch_first ? 0 : 1], op.hidden};
  if (op.has_state) result.inputs.push_back(floats(state));
  if (op.has_state && op.cell == Cell::kLstm) result.inputs.push_back(floats(state));
  const int64_t rows = gate_count(op.cell) * op.hidden;
  for (int64_t layer = 0; layer < op.layers; ++layer) {
    const int64_t width = layer == 0 ? x[2] : directions * op.hidden;
    for (int64_t direction = 0; direction < directions; ++direction) {
      result.inputs.push_back(floats({rows, width}));
      result.inputs.push_back(floats({rows, op.hidden}));
      if (!op.bias) continue;
      result.inputs.insert(result.inputs.end(), {floats({rows}), floats({rows})});
    }
  }
  return result;
}

Case random_case(For<Pad>, Rng& rng) {
  const Shape x = sizes(rng, static_cast<size_t>(rng.integer(1, 5)), 3, 4);
  Pad op;
  op.mode = pick_enum<PadMode>(rng);
  op.value = op.mode == PadMode::kZeros && chance(rng, 0.5) ? rng.integer(-3, 3) : 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const bool border = op.mode == PadMode::kReflect || op.mode == PadMode::kReplicate;
    const bool fixed = border && i + 3 < x.size();
    op.begin.push_back(fixed || chance(rng, 0.3) ? 0 : rng.integer(-1, 1));
    op.end.push_back(fixed || chance(rng, 0.3) ? 0 : rng.integer(-1, 1));
  }
  return moved(op, any_elements(rng, x));
}

Case random_case(For<Slice>, Rng& rng) {
  const Shape x = any_shape(rng, 1, 4);
  Slice op{.axis = any_axis(rng, x.size()), .begin = rng.integer(-7, 7)};
  if (chance(rng, 0.7)) op.end = rng.integer(-7, 7);
  op.step = rng.integer(1, 3);
  return moved(op, any_elements(rng, x));
}

Case random_case(For<Concat>, Rng& rng) {
  Shape x = any_shape(rng, 1, 4, 3);
  const Concat op{.axis = any_axis(rng, x.size())};
  Case result = moved(op, any_elements(rng, x));
  for (int64_t extra = rng.integer(0, 3); extra > 0; --extra) {
    CaseInput next = result.inputs[0];
    next.type.shape[resolve_axis(op.axis, x.size())] = rng.integer(0, 3);
    result.inputs.push_back(next);
  }
  return result;
}

Case random_case(For<Split>, Rng& rng) {
  Shape x = any_shape(rng, 1, 4);
  Split op{.axis = any_axis(rng, x.size())};
  op.sizes = sizes(rng, static_cast<size_t>(rng.integer(1, 3)), 0, 3);
  x[resolve_axis(op.axis, x.size())] =
      std::accumulate(op.sizes.begin(), op.sizes.end(), int64_t{0});
  return moved(op, any_elements(rng, x));
}

Case random_case(For<Stack>, Rng& rng) {
  const Shape x = any_shape(rng, 0, 3);
  Case result = moved(Stack{.axis = any_axis(rng, x.size() + 1)}, any_elements(rng, x));
  for (int64_t extra = rng.integer(0, 3); extra > 0; --extra) {
    result.inputs.push_back(result.inputs[0]);
  }
  return result;
}

Case random_case(For<Reshape>, Rng& rng) {
  const Shape x = sizes(rng, static_cast<size_t>(rng.integer(1, 4)), 1, 4);
  Reshape op;
  const auto kept = static_cast<size_t>(rng.integer(0, static_cast<int64_t>(x.size())));
  op.shape.assign(x.begin(), x.begin() + static_cast<ptrdiff_t>(kept));
  int64_t rest = std::accumulate(x.begin() + static_cast<ptrdiff_t>(kept), x.end(), int64_t{1},
                                 std::multiplies<>());
  for (int64_t& size : op.shape) {
    if (chance(rng, 0.3)) size = 0;
  }
  for (const int64_t factor : {2, 3}) {
    if (rest % factor != 0 || chance(rng, 0.3)) continue;
    op.shape.push_back(factor);
    rest /= factor;
  }
  op.shape.push_back(chance(rng, 0.5) ? -1 : rest);
  return moved(op, any_elements(rng, x));
}

Case random_case(For<Flatten>, Rng& rng) {
  const Shape x = any_shape(rng, 1, 5, 4);
  const auto last_axis = static_cast<int64_t>(x.size()) - 1;
  Flatten op{.first = rng.integer(0, last_axis)};
  op.last = rng.integer(op.first, last_axis);
  if (chance(rng, 0.3)) op.last -= static_cast<int64_t>(x.size());
  return moved(op, any_elements(rng, x));
}

Case random_case(For<Transpose>, Rng& rng) {
  const Shape x = any_shape(rng, 0, 5, 4);
  Transpose op;
  for (size_t i = 0; i < x.size(); ++i) {
    op.order.insert(op.order.begin() + rng.integer(0, static_cast<int64_t>(i)),
                    static_cast<int64_t>(i));
  }
  return moved(op, any_elements(rng, x));
}

Case random_case(For<Squeeze>, Rng& rng) {
  Shape x = any_shape(rng, 1, 5);
  const Squeeze op{.axes = some_axes(rng, x.size())};
  for (const int64_t axis : op.axes) x[resolve_axis(axis, x.size())] = 1;
  return moved(op, any_elements(rng, x));
}

Case random_case(For<Unsqueeze>, Rng& rng) {
  const Shape x = any_shape(rng, 0, 3);
  Unsqueeze op;
  const auto added = static_cast<size_t>(rng.integer(0, 2));
  while (op.axes.size() < added) {
    const auto axis = rng.integer(0, static_cast<int64_t>(x.size() + added) - 1);
    if (std::find(op.axes.begin(), op.axes.end(), axis) == op.axes.end()) op.axes.push_back(axis);
  }
  return moved(op, any_elements(rng, x));
}

Case random_case(For<Expand>, Rng& rng) {
  Shape x = any_shape(rng, 0, 3);
  Expand op{.shape = sizes(rng, static_cast<size_t>(rng.integer(0, 2)), 1, 3)};
  for (int64_t& size : x) {
    if (chance(rng, 0.4)) size = 1;
    op.shape.push_back(chance(rng, 0.3) ? -1 : (size == 1 ? rng.integer(0, 4) : size));
  }
  return moved(op, any_elements(rng, x));
}

Case random_case(For<Reduce>, Rng& rng) {
  Reduce op{.kind = pick_enum<ReduceKind>(rng), .keep_axes = chance(rng, 0.5)};
  const bool extreme = op.kind == ReduceKind::kMax || op.kind == ReduceKind::kMin;
  const bool arg_max = op.kind == ReduceKind::kArgMax;
  Shape x = extreme || arg_max ? sizes(rng, static_cast<size_t>(rng.integer(1, 4)), 1, 4)
                               : any_shape(rng, 0, 4, 4);
  op.axes = arg_max ? Sizes{any_axis(rng, x.size())} : some_axes(rng, x.size());
  const bool whole =
      (extreme || arg_max || op.kind == ReduceKind::kSum || op.kind == ReduceKind::kProd) &&
      chance(rng, 0.3);
  const auto input = whole ? integers(x, -3, 3, DType::kI32) : floats(x, Draw::kSpread);
  return {.op = op,
          .inputs = {input},
          .gradient = whole || arg_max ? Gradient::kCut : Gradient::kSmooth};
}

Case random_case(For<Softmax>, Rng& rng) {
  const Shape x = any_shape(rng, 1, 4);
  return {.op = Softmax{.axis = any_axis(rng, x.size()), .log = chance(rng, 0.5)},
          .inputs = {floats(x)}};
}

Case random_case(For<Embedding>, Rng& rng) {
  const int64_t rows = rng.integer(1, 6);
  const auto dtype = pick(rng, std::vector<DType>{DType::kI64, DType::kI32, DType::kU8});
  return {.op = Embedding{},
          .inputs = {integers(any_shape(rng, 0, 3), 0, rows - 1, dtype),
                     floats({rows, rng.integer(1, 5)})}};
}

Case random_case(For<Gather>, Rng& rng) {
  const Shape x = sizes(rng, static_cast<size_t>(rng.integer(1, 4)), 1, 4);
  const Gather op{.axis = any_axis(rng, x.size())};
  const int64_t size = size_at(x, op.axis);
  const auto dtype = pick(rng, std::vector<DType>{DType::kI64, DType::kI32});
  return {.op = op, .inputs = {floats(x), integers(any_shape(rng, 0, 2), -size, size - 1, dtype)}};
}

Case random_case(For<Attention>, Rng& rng) {
  Attention op{.causal = chance(rng, 0.4), .has_mask = chance(rng, 0.5)};
  if (chance(rng, 0.5)) op.scale = rng.uniform(0.1, 1);
  const Shape lead = sizes(rng, static_cast<size_t>(rng.integer(0, 2)), 1, 2);
  const int64_t t = rng.integer(1, 4), s = rng.integer(1, 4), e = rng.integer(1, 4);
  const auto with = [&](int64_t rows, int64_t columns) {
    Shape shape = lead;
    shape.insert(shape.end(), {rows, columns});
    return shape;
  };
  Case result{
      .op = op,
      .inputs = {floats(with(t, e)), floats(with(s, e)), floats(with(s, rng.integer(1, 4)))}};
  if (!op.has_mask) return result;
  // A mask that hides a whole row leaves nothing to attend to; true everywhere is safe.
  const Shape mask = chance(rng, 0.5) ? Shape{t, s} : Shape{1, s};
  result.inputs.push_back(chance(rng, 0.5) ? floats(mask) : integers(mask, 1, 1, DType::kBool));
  return result;
}

}  // namespace rung::ops
