#include "rung/graph/extents.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "rung/ops/check.h"

namespace rung {
namespace {

using Axes = std::vector<Extent>;
using Outputs = std::vector<Axes>;

/// A node as its rule sees it. Its types are known, so every attribute is valid.
struct Call {
  SizeTable& table;
  const Node& node;
  std::vector<TensorType> types;  ///< of the inputs
  std::vector<const Axes*> in;
  bool follows_held = false;  ///< axes that an input holds are followed like others

  const Axes& x() const { return *in[0]; }
  size_t rank() const { return x().size(); }
  size_t resolve(int64_t axis) const { return resolve_axis(axis, rank()); }
  Axes constants(const Shape& shape) const {
    Axes out;
    for (const int64_t size : shape) out.push_back(table.constant(size));
    return out;
  }
  Extent broadcast_all(const Axes& sizes) const {
    Extent out = table.constant(1);
    for (const Extent size : sizes) out = table.broadcast(out, size);
    return out;
  }
};

// A number per space axis, as the shape rules read it.
int64_t at(const ops::Sizes& sizes, size_t axis, int64_t fallback) {
  if (sizes.empty()) return fallback;
  return sizes.size() == 1 ? sizes[0] : sizes.at(axis);
}

// --- leaves

std::string symbol_of(const std::string& input, size_t axis) {
  return fmt::format("{}.{}", input, axis);
}

// An axis that is held has one size, whatever else the input's are, unless who asks follows it.
Outputs rule(const ops::Input& op, const Call& c) {
  Axes out;
  for (size_t i = 0; i < c.node.types[0].rank(); ++i) {
    const bool held = !c.follows_held && std::find(op.fixed.begin(), op.fixed.end(),
                                                   static_cast<int64_t>(i)) != op.fixed.end();
    out.push_back(held ? c.table.constant(op.type.shape[i])
                       : c.table.symbol(symbol_of(c.node.name, i)));
  }
  return {out};
}
Outputs rule(const ops::Param&, const Call& c) { return {c.constants(c.node.types[0].shape)}; }
Outputs rule(const ops::Constant&, const Call& c) { return {c.constants(c.node.types[0].shape)}; }

// --- windows

Outputs rule(const ops::Conv& op, const Call& c) {
  const Shape& weight = c.types[1].shape;
  const size_t axes = c.rank() - 2;
  const ops::Border pad = ops::border(ops::Conv::kName, op.padding, axes);
  Axes out = {c.x()[0], c.in[1]->at(0)};
  for (size_t i = 0; i < axes; ++i) {
    const int64_t window = at(op.dilation, i, 1) * (weight[i + 2] - 1) + 1;
    const Extent room = c.table.plus(c.x()[i + 2], pad.begin[i] + pad.end[i] - window);
    out.push_back(c.table.plus(c.table.quotient(room, at(op.stride, i, 1)), 1));
  }
  return {out};
}

Outputs rule(const ops::ConvTranspose& op, const Call& c) {
  const Shape& weight = c.types[1].shape;
  const size_t axes = c.rank() - 2;
  const ops::Border pad = ops::border(ops::ConvTranspose::kName, op.padding, axes);
  Axes out = {c.x()[0], c.table.constant(weight[1] * op.groups)};
  for (size_t i = 0; i < axes; ++i) {
    const int64_t stride = at(op.stride, i, 1);
    const int64_t window = at(op.dilation, i, 1) * (weight[i + 2] - 1) + 1;
    const int64_t more = window - stride + at(op.output_padding, i, 0) - pad.begin[i] - pad.end[i];
    out.push_back(c.table.plus(c.table.times(c.x()[i + 2], stride), more));
  }
  return {out};
}

Outputs rule(const ops::Pool& op, const Call& c) {
  Axes out = {c.x()[0], c.x()[1]};
  for (size_t i = 0; i + 2 < c.rank(); ++i) {
    const Extent size = c.x()[i + 2];
    const int64_t kernel = at(op.kernel, i, 1), stride = at(op.stride, i, kernel);
    const int64_t padding = at(op.padding, i, 0);
    const int64_t window = at(op.dilation, i, 1) * (kernel - 1) + 1;
    if (op.ceil_mode && stride > window - padding) {
      // The last window may start in the padding, and is then left out.
      out.push_back(c.table.function("ceil_pool", {window, stride, padding}, {size}));
      continue;
    }
    const int64_t more = 2 * padding - window + (op.ceil_mode ? stride - 1 : 0);
    out.push_back(c.table.plus(c.table.quotient(c.table.plus(size, more), stride), 1));
  }
  return {out};
}

Outputs rule(const ops::AdaptivePool& op, const Call& c) {
  Axes out = c.x();
  for (size_t i = 0; i < op.size.size(); ++i) {
    if (op.size[i] > 0) out[i + 2] = c.table.constant(op.size[i]);
  }
  return {out};
}

// --- resizing

Outputs rule(const ops::Resize& op, const Call& c) {
  Axes out = {c.x()[0], c.x()[1]};
  for (size_t i = 0; i + 2 < c.rank(); ++i) {
    const Extent size = c.x()[i + 2];
    if (op.scale.empty()) {
      out.push_back(c.table.constant(op.size[i]));
    } else if (const double scale = op.scale[i]; scale == std::floor(scale) && scale < 0x1p31) {
      out.push_back(c.table.times(size, static_cast<int64_t>(scale)));
    } else if (const double by = 1 / scale; std::exp2(std::ilogb(by)) == by && by < 0x1p31) {
      out.push_back(c.table.quotient(size, static_cast<int64_t>(by)));  // exact in binary
    } else {
      out.push_back(c.table.function(fmt::format("scaled by {}", scale), {}, {size}));
    }
  }
  return {out};
}

template <typename LikeOp>
Outputs like_rule(const LikeOp& op, const Call& c) {
  Axes out = c.x();
  for (size_t i = 0; i < op.axes.size(); ++i) {
    out[static_cast<size_t>(op.axes[i])] = c.in[1]->at(static_cast<size_t>(op.like_axes[i]));
  }
  return {out};
}
Outputs rule(const ops::ResizeLike& op, const Call& c) { return like_rule(op, c); }
Outputs rule(const ops::CropLike& op, const Call& c) { return like_rule(op, c); }
Outputs rule(const ops::PadLike& op, const Call& c) { return like_rule(op, c); }

Outputs rule(const ops::TokensToMap&, const Call& c) {
  const Extent tokens = c.x()[1], height = c.in[1]->at(2), width = c.in[1]->at(3);
  if (c.table.times(height, width) == tokens) return {{c.x()[0], c.x()[2], height, width}};
  const Axes of = {tokens, height, width};
  return {{c.x()[0], c.x()[2], c.table.function("grid height", {}, of),
           c.table.function("grid width", {}, of)}};
}

// --- layout

Outputs rule(const ops::Pad& op, const Call& c) {
  Axes out = c.x();
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = c.table.plus(c.table.plus(out[i], op.begin[i]), op.end[i]);
  }
  return {out};
}

Outputs rule(const ops::Slice& op, const Call& c) {
  const size_t axis = c.resolve(op.axis);
  Axes out = c.x();
  const bool whole = op.begin == 0 && op.end == INT64_MAX && op.step == 1;
  if (whole) return {out};
  if (c.table.value(out[axis])) {
    out[axis] = c.table.constant(c.node.types[0].shape[axis]);
  } else {
    out[axis] = c.table.function("slice", {op.begin, op.end, op.step}, {out[axis]});
  }
  return {out};
}

Outputs rule(const ops::Concat& op, const Call& c) {
  const size_t axis = c.resolve(op.axis);
  Axes out = c.x();
  for (size_t i = 1; i < c.in.size(); ++i) {
    out[axis] = c.table.plus(out[axis], c.in[i]->at(axis));
  }
  return {out};
}

Outputs rule(const ops::Split& op, const Call& c) {
  Outputs out;
  for (const int64_t size : op.sizes) {
    out.push_back(c.x());
    out.back()[c.resolve(op.axis)] = c.table.constant(size);
  }
  return out;
}

Outputs rule(const ops::Stack& op, const Call& c) {
  Axes out = c.x();
  out.insert(out.begin() + static_cast<std::ptrdiff_t>(resolve_axis(op.axis, out.size() + 1)),
             c.table.constant(static_cast<int64_t>(c.in.size())));
  return {out};
}

Extent product(SizeTable& table, const Axes& sizes) {
  Extent out = table.constant(1);
  for (const Extent size : sizes) out = table.times(out, size);
  return out;
}

Outputs rule(const ops::Reshape& op, const Call& c) {
  Axes out, known;
  for (size_t i = 0; i < op.shape.size(); ++i) {
    out.push_back(op.shape[i] == 0 ? c.x()[i] : c.table.constant(op.shape[i]));
    if (op.shape[i] != -1) known.push_back(out.back());
  }
  const auto open = std::find(op.shape.begin(), op.shape.end(), -1);
  if (open == op.shape.end()) return {out};
  const Extent all = product(c.table, c.x()), taken = product(c.table, known);
  const auto left = c.table.exact_quotient(all, taken);
  out[static_cast<size_t>(open - op.shape.begin())] =
      left ? *left : c.table.function("rest", {}, {all, taken});
  return {out};
}

Outputs rule(const ops::Flatten& op, const Call& c) {
  const auto begin = c.x().begin() + static_cast<std::ptrdiff_t>(c.resolve(op.first));
  const auto end = c.x().begin() + static_cast<std::ptrdiff_t>(c.resolve(op.last)) + 1;
  Axes out(c.x().begin(), begin);
  out.push_back(product(c.table, Axes(begin, end)));
  out.insert(out.end(), end, c.x().end());
  return {out};
}

Outputs rule(const ops::Transpose& op, const Call& c) {
  Axes out;
  for (const int64_t axis : op.order) out.push_back(c.x()[c.resolve(axis)]);
  return {out};
}

std::vector<bool> marked(const ops::Sizes& axes, size_t rank) {
  std::vector<bool> out(rank, false);
  for (const int64_t axis : axes) out[resolve_axis(axis, rank)] = true;
  return out;
}

Outputs rule(const ops::Squeeze& op, const Call& c) {
  const auto gone = marked(op.axes, c.rank());
  Axes out;
  for (size_t i = 0; i < c.rank(); ++i) {
    if (!gone[i]) out.push_back(c.x()[i]);
  }
  return {out};
}

Outputs rule(const ops::Unsqueeze& op, const Call& c) {
  const auto added = marked(op.axes, c.rank() + op.axes.size());
  Axes out;
  auto next = c.x().begin();
  for (const bool is_new : added) out.push_back(is_new ? c.table.constant(1) : *next++);
  return {out};
}

Outputs rule(const ops::Expand& op, const Call& c) {
  const size_t added = op.shape.size() - c.rank();
  Axes out = c.constants(op.shape);
  for (size_t i = added; i < out.size(); ++i) {
    if (op.shape[i] == -1) out[i] = c.x()[i - added];
  }
  return {out};
}

Outputs rule(const ops::Reduce& op, const Call& c) {
  auto folded = marked(op.axes, c.rank());
  if (op.axes.empty()) folded.assign(c.rank(), true);
  Axes out;
  for (size_t i = 0; i < c.rank(); ++i) {
    if (!folded[i]) out.push_back(c.x()[i]);
    if (folded[i] && op.keep_axes) out.push_back(c.table.constant(1));
  }
  return {out};
}

// --- products, tables and sequences

Outputs broadcast(const Call& c, std::vector<Axes> inputs) {
  size_t rank = 0;
  for (const Axes& axes : inputs) rank = std::max(rank, axes.size());
  Axes out;
  for (size_t i = 0; i < rank; ++i) {
    Axes meeting;
    for (const Axes& axes : inputs) {
      const size_t missing = rank - axes.size();
      if (i >= missing) meeting.push_back(axes[i - missing]);
    }
    out.push_back(c.broadcast_all(meeting));
  }
  return {out};
}
Outputs rule(const ops::Binary&, const Call& c) { return broadcast(c, {*c.in[0], *c.in[1]}); }
Outputs rule(const ops::Where&, const Call& c) {
  return broadcast(c, {*c.in[0], *c.in[1], *c.in[2]});
}

Outputs rule(const ops::Linear&, const Call& c) {
  Axes out = c.x();
  out.back() = c.in[1]->at(0);
  return {out};
}

Outputs rule(const ops::MatMul&, const Call& c) {
  Axes a = *c.in[0], b = *c.in[1];
  const auto take = [](Axes& from, size_t count) {
    Axes last(from.end() - static_cast<std::ptrdiff_t>(count), from.end());
    from.resize(from.size() - count);
    return last;
  };
  const Axes rows = take(a, std::min<size_t>(a.size(), 2));
  const Axes columns = take(b, std::min<size_t>(b.size(), 2));
  Outputs out = broadcast(c, {a, b});
  if (rows.size() == 2) out[0].push_back(rows[0]);
  if (columns.size() == 2) out[0].push_back(columns[1]);
  return out;
}

Outputs rule(const ops::Embedding&, const Call& c) {
  Axes out = c.x();
  out.push_back(c.in[1]->at(1));
  return {out};
}

Outputs rule(const ops::Gather& op, const Call& c) {
  const auto axis = static_cast<std::ptrdiff_t>(c.resolve(op.axis));
  Axes out = c.x();
  const auto place = out.erase(out.begin() + axis);
  out.insert(place, c.in[1]->begin(), c.in[1]->end());
  return {out};
}

Outputs rule(const ops::Attention&, const Call& c) {
  Axes out = c.x();
  out.back() = c.in[2]->back();
  return {out};
}

Outputs rule(const ops::Recurrent& op, const Call& c) {
  const auto& types = c.node.types;
  Outputs out = {c.x()};
  out[0].back() = c.table.constant(types[0].shape.back());
  const Extent batch = c.x()[op.batch_first ? 0 : 1];
  for (size_t i = 1; i < types.size(); ++i) {
    out.push_back(c.constants(types[i].shape));
    out.back()[1] = batch;
  }
  return out;
}

// --- ops whose output is as their first input

Outputs rule(const ops::BatchNorm&, const Call& c) { return {c.x()}; }
Outputs rule(const ops::LayerNorm&, const Call& c) { return {c.x()}; }
Outputs rule(const ops::GroupNorm&, const Call& c) { return {c.x()}; }
Outputs rule(const ops::InstanceNorm&, const Call& c) { return {c.x()}; }
Outputs rule(const ops::Softmax&, const Call& c) { return {c.x()}; }
Outputs rule(const ops::Unary&, const Call& c) { return {c.x()}; }
Outputs rule(const ops::LeakyRelu&, const Call& c) { return {c.x()}; }
Outputs rule(const ops::Elu&, const Call& c) { return {c.x()}; }
Outputs rule(const ops::Gelu&, const Call& c) { return {c.x()}; }
Outputs rule(const ops::Softplus&, const Call& c) { return {c.x()}; }
Outputs rule(const ops::Clamp&, const Call& c) { return {c.x()}; }
Outputs rule(const ops::PRelu&, const Call& c) { return {c.x()}; }
Outputs rule(const ops::Dropout&, const Call& c) { return {c.x()}; }
Outputs rule(const ops::Cast&, const Call& c) { return {c.x()}; }
Outputs rule(const ops::Detach&, const Call& c) { return {c.x()}; }
Outputs rule(const ops::FullLike&, const Call& c) { return {c.x()}; }
Outputs rule(const ops::ArangeLike& op, const Call& c) {
  const auto rank = static_cast<int64_t>(c.rank());
  return {{c.x()[static_cast<size_t>(op.axis < 0 ? op.axis + rank : op.axis)]}};
}

// What it makes of other sizes nobody knows before it runs, but where it says so.
Outputs rule(const ops::Opaque& op, const Call& c) {
  if (op.like >= 0) return Outputs(c.node.types.size(), *c.in[static_cast<size_t>(op.like)]);
  Outputs out;
  for (size_t port = 0; port < c.node.types.size(); ++port) {
    out.emplace_back();
    for (size_t axis = 0; axis < c.node.types[port].rank(); ++axis) {
      out.back().push_back(c.table.function(
          c.node.name, {static_cast<int64_t>(port), static_cast<int64_t>(axis)}, {}));
    }
  }
  return out;
}

}  // namespace

void Extents::update(const Graph& graph) {
  // No reserve: to ask for the exact size at every call would move everything every time.
  while (sizes_.size() < graph.size()) {
    const Node& node = graph.nodes()[sizes_.size()];
    if (std::holds_alternative<ops::Input>(node.op)) {
      for (size_t axis = 0; axis < node.types[0].rank(); ++axis)
        inputs_.push_back({node.name, axis});
    }
    Call call{table_, node, {}, {}, held_ == Held::kFollowed};
    for (const Value value : node.inputs) {
      call.types.push_back(graph.type(value));
      call.in.push_back(
          &sizes_[static_cast<size_t>(value.node.index)].at(static_cast<size_t>(value.port)));
    }
    sizes_.push_back(std::visit([&](const auto& op) { return rule(op, call); }, node.op));
  }
}

bool Extents::equal(Value a, Value b, size_t first) const {
  const auto axes = [&](Value value) -> const Axes& {
    return sizes_.at(static_cast<size_t>(value.node.index)).at(static_cast<size_t>(value.port));
  };
  const Axes &x = axes(a), &y = axes(b);
  return x.size() == y.size() && first <= x.size() &&
         std::equal(x.begin() + static_cast<std::ptrdiff_t>(first), x.end(),
                    y.begin() + static_cast<std::ptrdiff_t>(first));
}

std::vector<InputAxis> Extents::inputs_of(Value value, size_t axis) const {
  const auto names = table_.symbols(of(value, axis));
  if (!names) return inputs_;
  std::vector<InputAxis> out;
  for (const InputAxis& input : inputs_) {
    if (names->contains(symbol_of(input.input, input.axis))) out.push_back(input);
  }
  return out;
}

std::optional<std::optional<int64_t>> Extents::multiple_of(const InputAxis& input, Value value,
                                                           size_t axis) const {
  const Extent one = table_.symbol(symbol_of(input.input, input.axis));
  const auto factor = table_.exact_quotient(of(value, axis), one);
  if (!factor) return std::nullopt;
  return table_.value(*factor);
}

std::string Extents::text(Value value) const {
  std::vector<std::string> parts;
  const auto& axes =
      sizes_.at(static_cast<size_t>(value.node.index)).at(static_cast<size_t>(value.port));
  for (const Extent size : axes) parts.push_back(table_.text(size));
  return fmt::format("[{}]", fmt::join(parts, ", "));
}

}  // namespace rung
