#include "rung/ops/layout/layout_onednn.h"

#include <algorithm>
#include <numeric>

#include "rung/ops/layout/move.h"

namespace rung::ops {
namespace {

using onednn::Form;
using onednn::Layout;
using onednn::LowerCall;
using onednn::Mover;
using onednn::Ref;
using onednn::View;

int64_t product(Shape::const_iterator begin, Shape::const_iterator end) {
  return std::accumulate(begin, end, int64_t{1}, std::multiplies<>());
}

/// Output 0 is input 0 with other sizes.
void lower_reshape(LowerCall& call) {
  const Shape &from = call.in_type(0).shape, &to = call.out_type().shape;
  const Form form = call.form(0);
  const bool map = to.size() >= 3 && to.size() <= 5 && from[0] == to[0] && from[1] == to[1];
  if (form.layout == Layout::kBlocked && map) return call.out_is(0, call.in(0), form);
  call.out_is(0, row_major(call, 0), {form.dtype, Layout::kPlain});
}

/// Output 0 is these values, side by side along an axis.
void join(LowerCall& call, std::string what, size_t axis, Form form,
          const std::vector<Shape>& shapes, const std::vector<Ref>& pieces) {
  const Shape& whole = call.out_type().shape;
  const Ref out = call.out(0, form);
  Mover mover(form.dtype);
  std::vector<std::optional<int64_t>> offsets;
  for (int64_t i = 0, begin = 0; const Shape& shape : shapes) {
    offsets.push_back(piece_offset(whole, form, axis, begin, shape[axis]));
    const View part = View(whole, form).cut(axis, begin, shape[axis]);
    mover.copy(static_cast<size_t>(i++), View(shape, form), part);
    begin += shape[axis];
  }
  if (std::all_of(offsets.begin(), offsets.end(), [](const auto& at) { return at.has_value(); })) {
    for (size_t i = 0; i < pieces.size(); ++i) {
      if (shapes[i][axis] == 0) continue;
      call.place(pieces[i], call.part(out, shapes[i], form, *offsets[i]));
    }
    return;
  }
  mover.fill_up(whole, form);
  call.kernel(std::move(what), pieces, {out}, mover.kernel());
}

/// The type in which several inputs are stored together.
DType common_dtype(LowerCall& call) {
  const DType first = call.form(0).dtype;
  for (size_t i = 1; i < call.in_types().size(); ++i) {
    if (call.form(i).dtype != first) return call.storage(call.out_type().dtype);
  }
  return first;
}

/// As the bytes lie; blocked where a fair part is, since what reads maps wants them so, and what
/// lies row-major has to be turned for that anyway.
Form common_form(LowerCall& call) {
  int64_t blocked = 0, all = 0;
  for (size_t i = 0; i < call.in_types().size(); ++i) {
    all += call.in_type(i).bytes();
    if (call.form(i).layout == Layout::kBlocked) blocked += call.in_type(i).bytes();
  }
  return {common_dtype(call),
          4 * blocked >= all && blocked > 0 ? Layout::kBlocked : Layout::kPlain};
}

/// A stretch of an axis of a padded result, and where it comes from.
struct Stretch {
  int64_t to = 0, size = 0, from = 0, step = 1;
};

/// What an axis of `size` entries is made of: the part that is kept first, then the border, if that
/// is made of entries.
std::vector<Stretch> stretches(int64_t size, int64_t begin, int64_t end, PadMode mode) {
  const int64_t first = std::max<int64_t>(-begin, 0), front = std::max<int64_t>(begin, 0);
  const int64_t kept = size - first - std::max<int64_t>(-end, 0), back = std::max<int64_t>(end, 0);
  const int64_t last = first + kept - 1;
  std::vector<Stretch> made = {{front, kept, first, 1}};
  const auto border = [&](int64_t from_front, int64_t from_back, int64_t step) {
    if (front > 0) made.push_back({0, front, from_front, step});
    if (back > 0) made.push_back({front + kept, back, from_back, step});
  };
  if (mode == PadMode::kReflect) border(first + front, last - 1, -1);
  if (mode == PadMode::kReplicate) border(first, last, 0);
  if (mode == PadMode::kCircular) border(last + 1 - front, first, 1);
  return made;
}

/// Copies every combination of the axes' stretches, from `axis` on.
void copy_stretches(Mover& mover, const std::vector<std::vector<Stretch>>& all, size_t axis,
                    const View& from, const View& to) {
  if (axis == all.size()) return mover.copy(0, from, to);
  for (const Stretch& part : all[axis]) {
    copy_stretches(mover, all, axis + 1, from.cut(axis, part.from, part.size, part.step),
                   to.cut(axis, part.to, part.size));
  }
}

/// Whether the axes of more than one entry keep their order.
bool keeps_order(const Shape& shape, const Sizes& order) {
  int64_t last = -1;
  for (const int64_t axis : order) {
    if (shape[static_cast<size_t>(axis)] == 1) continue;
    if (axis < last) return false;
    last = axis;
  }
  return true;
}

/// A map that convolutions are likely to read: they want it in blocks.
bool is_image(const TensorType& type, DType stored) {
  return type.is_map() && type.rank() <= 5 && type.roles[2] == Role::kSpace &&
         (stored == DType::kF32 || stored == DType::kBF16);
}

}  // namespace

Ref row_major(LowerCall& call, size_t i, DType stored) {
  const Form form = call.form(i), plain = {stored, Layout::kPlain};
  const Shape& shape = call.in_type(i).shape;
  if (form.layout == Layout::kBlocked && form.dtype == stored &&
      shape[1] % onednn::channel_block() == 0 && product(shape.begin() + 2, shape.end()) == 1) {
    return call.part(call.in(i), shape, plain, 0);
  }
  return call.in(i, plain);
}

std::optional<int64_t> piece_offset(const Shape& shape, Form form, size_t axis, int64_t begin,
                                    int64_t size) {
  const Shape stored = onednn::stored_shape(shape, form.layout);
  const auto at = stored.begin() + static_cast<ptrdiff_t>(axis);
  if (product(stored.begin(), at) != 1) return std::nullopt;
  const int64_t bytes = product(at + 1, stored.end()) * size_of(form.dtype);
  if (form.layout != Layout::kBlocked || axis != 1) return begin * bytes;
  const int64_t block = onednn::channel_block();
  if (begin % block != 0 || (size % block != 0 && begin + size != shape[1])) return std::nullopt;
  return begin / block * bytes;
}

void lower_cut(LowerCall& call, size_t k, size_t axis, int64_t begin, int64_t step) {
  const Shape &from = call.in_type(0).shape, &to = call.out_type(k).shape;
  const Form form = call.form(0);
  if (to == from) return call.out_is(k, call.in(0), form);
  const auto offset = piece_offset(from, form, axis, begin, to[axis]);
  if (offset && step == 1 && to[axis] > 0) {
    return call.out_is(k, call.part(call.in(0), to, form, *offset), form);
  }
  Mover mover(form.dtype);
  mover.copy(0, View(from, form).cut(axis, begin, to[axis], step), View(to, form));
  mover.fill_up(to, form);
  call.kernel("slice", {call.in(0)}, {call.out(k, form)}, mover.kernel());
}

void lower_pad(LowerCall& call, const Sizes& begin, const Sizes& end, PadMode mode, double value) {
  const Shape &from = call.in_type(0).shape, &to = call.out_type().shape;
  const Form form = call.form(0);
  std::vector<std::vector<Stretch>> all;
  std::vector<size_t> changed;
  for (size_t i = 0; i < from.size(); ++i) {
    if (begin[i] != 0 || end[i] != 0) changed.push_back(i);
    all.push_back(stretches(from[i], begin[i], end[i], mode));
  }
  if (changed.empty()) return call.out_is(0, call.in(0), form);
  if (const size_t axis = changed[0]; changed.size() == 1 && begin[axis] <= 0 && end[axis] <= 0) {
    return lower_cut(call, 0, axis, -begin[axis]);
  }
  Mover mover(form.dtype);
  copy_stretches(mover, all, 0, View(from, form), View(to, form));
  View rest(to, form);  // what is not inside the axes before this one
  for (size_t i = 0; mode == PadMode::kZeros && i < to.size(); ++i) {
    const Stretch& kept = all[i][0];
    const int64_t after = kept.to + kept.size;
    const auto bytes = onednn::element_bytes(form.dtype, value);
    mover.fill(rest.cut(i, 0, kept.to), bytes);
    mover.fill(rest.cut(i, after, to[i] - after), bytes);
    rest = rest.cut(i, kept.to, kept.size);
  }
  mover.fill_up(to, form);
  call.kernel("pad", {call.in(0)}, {call.out(0, form)}, mover.kernel());
}

void lower(const Pad& op, LowerCall& call) { lower_pad(call, op.begin, op.end, op.mode, op.value); }

void lower(const Slice& op, LowerCall& call) {
  const Shape& shape = call.in_type(0).shape;
  const size_t axis = resolve_axis(op.axis, shape.size());
  const int64_t begin = op.begin < 0 ? op.begin + shape[axis] : op.begin;
  lower_cut(call, 0, axis, std::clamp<int64_t>(begin, 0, shape[axis]), op.step);
}

void lower(const Concat& op, LowerCall& call) {
  const size_t axis = resolve_axis(op.axis, call.out_type().rank());
  const Form form = common_form(call);
  if (call.in_types().size() == 1) return call.out_is(0, call.in(0), call.form(0));
  std::vector<Shape> shapes;
  std::vector<Ref> pieces;
  for (size_t i = 0; i < call.in_types().size(); ++i) {
    shapes.push_back(call.in_type(i).shape);
    pieces.push_back(call.in(i, form));
  }
  join(call, "concat", axis, form, shapes, pieces);
}

void lower(const Split& op, LowerCall& call) {
  const size_t axis = resolve_axis(op.axis, call.in_type(0).rank());
  int64_t begin = 0;
  for (size_t k = 0; k < op.sizes.size(); ++k) {
    lower_cut(call, k, axis, begin);
    begin += op.sizes[k];
  }
}

void lower(const Stack& op, LowerCall& call) {
  const size_t axis = resolve_axis(op.axis, call.out_type().rank());
  const Form form = {common_dtype(call), Layout::kPlain};
  Shape one = call.out_type().shape;
  one[axis] = 1;
  std::vector<Ref> pieces;
  for (size_t i = 0; i < call.in_types().size(); ++i) {
    pieces.push_back(row_major(call, i, form.dtype));
  }
  join(call, "stack", axis, form, std::vector<Shape>(pieces.size(), one), pieces);
}

void lower(const Reshape&, LowerCall& call) { lower_reshape(call); }
void lower(const Flatten&, LowerCall& call) { lower_reshape(call); }
void lower(const Squeeze&, LowerCall& call) { lower_reshape(call); }
void lower(const Unsqueeze&, LowerCall& call) { lower_reshape(call); }

void lower(const Transpose& op, LowerCall& call) {
  const Shape &from = call.in_type(0).shape, &to = call.out_type().shape;
  const Form form = call.form(0);
  Sizes order;
  for (const int64_t axis : op.order) {
    order.push_back(static_cast<int64_t>(resolve_axis(axis, from.size())));
  }
  const bool blocked = form.layout == Layout::kBlocked;
  const bool in_space = blocked && order[0] == 0 && order[1] == 1;
  if (keeps_order(from, order) && (in_space || !blocked)) {
    return call.out_is(0, call.in(0), form);
  }
  const bool blocks = in_space || is_image(call.out_type(), form.dtype);
  const Form made = {form.dtype, blocks ? Layout::kBlocked : Layout::kPlain};
  Mover mover(form.dtype);
  mover.copy(0, View(from, form).reordered(order), View(to, made));
  mover.fill_up(to, made);
  call.kernel("transpose", {call.in(0)}, {call.out(0, made)}, mover.kernel());
}

void lower(const Expand&, LowerCall& call) {
  const Shape &from = call.in_type(0).shape, &to = call.out_type().shape;
  if (element_count(from) == element_count(to)) return lower_reshape(call);
  Form form = call.form(0);
  const bool same_channels = from.size() == to.size() && from.size() >= 3 && from[1] == to[1];
  if (!same_channels) form.layout = Layout::kPlain;
  const Ref in = same_channels ? call.in(0) : row_major(call, 0);
  Mover mover(form.dtype);
  mover.copy(0, View(from, form).expanded(to), View(to, form));
  mover.fill_up(to, form);
  call.kernel("expand", {in}, {call.out(0, form)}, mover.kernel());
}

}  // namespace rung::ops
