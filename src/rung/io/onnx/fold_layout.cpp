#include <algorithm>
#include <map>
#include <numeric>

#include "rung/io/onnx/fold_node.h"
#include "rung/ops/check.h"

namespace rung::fold {
namespace {

Tensor unsqueeze(const Node& n) {
  const size_t count =
      n.given(1) ? static_cast<size_t>(n.x(1).elements()) : n.attribute<Sizes>("axes", {}).size();
  Shape shape = n.x().shape();
  for (const int64_t axis : axes_of(n, 1, shape.size() + count)) {
    shape.insert(shape.begin() + axis, 1);
  }
  return with_shape(n.x(), shape);
}

Tensor squeeze(const Node& n) {
  const Shape& from = n.x().shape();
  const Sizes axes = axes_of(n, 1, from.size());
  Shape shape;
  for (size_t i = 0; i < from.size(); ++i) {
    const bool named = std::find(axes.begin(), axes.end(), static_cast<int64_t>(i)) != axes.end();
    if (axes.empty() ? from[i] != 1 : !named) shape.push_back(from[i]);
  }
  return with_shape(n.x(), shape);
}

Tensor reshape(const Node& n) {
  Sizes shape = n.given(1) ? list(n.x(1)) : n.attribute<Sizes>("shape", {});
  int64_t known = 1, open = -1;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0 && n.integer("allowzero", 0) == 0) {
      if (i >= n.x().shape().size()) fail_user("shape keeps axis {}, which is not there", i);
      shape[i] = n.x().shape()[i];
    }
    if (shape[i] == -1) open = static_cast<int64_t>(i);
    if (shape[i] < -1) fail_user("shape holds {}", shape[i]);
    if (shape[i] != -1) known = ops::checked_mul(known, shape[i]);
  }
  if (open >= 0) shape[static_cast<size_t>(open)] = known == 0 ? 0 : n.x().elements() / known;
  return with_shape(n.x(), shape);
}

Tensor concat(const Node& n) {
  const size_t axis = resolve_axis(n.integer("axis", 0), n.x().shape().size());
  Shape shape = n.x().shape();
  shape[axis] = 0;
  for (size_t i = 0; i < n.in.size(); ++i) {
    if (n.x(i).shape().size() != shape.size()) fail_user("Concat of different ranks");
    shape[axis] += n.x(i).shape()[axis];
  }
  Tensor out = made(n.x().dtype(), shape);
  const Sizes strides = strides_of(shape);
  int64_t offset = 0;
  for (const Tensor& part : n.in) {
    if (element_count(part.shape()) * shape[axis] != out.elements() * part.shape()[axis]) {
      fail_user("Concat of {} and {}", to_string(n.x().shape()), to_string(part.shape()));
    }
    each(part.shape(), [&](int64_t i, const Sizes& at) {
      int64_t place = offset * strides[axis];
      for (size_t k = 0; k < at.size(); ++k) place += at[k] * strides[k];
      copy(out, place, part, i);
    });
    offset += part.shape()[axis];
  }
  return out;
}

Tensor gather(const Node& n) {
  const Tensor &x = n.x(0), &index = n.x(1);
  const size_t axis = resolve_axis(n.integer("axis", 0), x.shape().size());
  Shape shape(x.shape().begin(), x.shape().begin() + static_cast<int64_t>(axis));
  shape.insert(shape.end(), index.shape().begin(), index.shape().end());
  shape.insert(shape.end(), x.shape().begin() + static_cast<int64_t>(axis) + 1, x.shape().end());
  Tensor out = made(x.dtype(), shape);
  const Sizes sx = strides_of(x.shape()), si = strides_of(index.shape());
  const size_t width = index.shape().size();
  each(shape, [&](int64_t i, const Sizes& at) {
    int64_t at_index = 0, place = 0;
    for (size_t k = 0; k < width; ++k) at_index += at[axis + k] * si[k];
    int64_t row = index.integer(at_index);
    if (row < 0) row += x.shape()[axis];
    if (row < 0 || row >= x.shape()[axis]) {
      fail_user("index {} of an axis of {}", row, x.shape()[axis]);
    }
    for (size_t k = 0; k < axis; ++k) place += at[k] * sx[k];
    place += row * sx[axis];
    for (size_t k = axis + 1; k < sx.size(); ++k) place += at[k + width - 1] * sx[k];
    copy(out, i, x, place);
  });
  return out;
}

Tensor slice(const Node& n) {
  const Tensor& x = n.x();
  const Sizes begin = n.given(1) ? list(n.x(1)) : n.attribute<Sizes>("starts", {});
  const Sizes end = n.given(1) ? list(n.x(2)) : n.attribute<Sizes>("ends", {});
  Sizes axes(begin.size());
  std::iota(axes.begin(), axes.end(), 0);
  if (n.given(3)) axes = list(n.x(3));
  if (!n.given(1)) axes = n.attribute<Sizes>("axes", axes);
  const Sizes steps = n.given(4) ? list(n.x(4)) : Sizes(begin.size(), 1);
  if (end.size() != begin.size() || axes.size() != begin.size() || steps.size() != begin.size()) {
    fail_user("Slice with {} starts, {} ends and {} axes", begin.size(), end.size(), axes.size());
  }
  Shape shape = x.shape();
  Sizes from(shape.size(), 0), by(shape.size(), 1);
  for (size_t i = 0; i < begin.size(); ++i) {
    const size_t axis = resolve_axis(axes[i], shape.size());
    const int64_t size = x.shape()[axis], step = steps[i];
    if (step == 0) fail_user("Slice in steps of 0");
    const auto place = [&](int64_t at, int64_t low, int64_t high) {
      return std::clamp(at < 0 ? std::max<int64_t>(at, -size - 1) + size : at, low, high);
    };
    const int64_t first = step > 0 ? place(begin[i], 0, size) : place(begin[i], -1, size - 1);
    const int64_t last = step > 0 ? place(end[i], 0, size) : place(end[i], -1, size - 1);
    from[axis] = first;
    by[axis] = step;
    const int64_t span = step > 0 ? last - first : first - last;
    shape[axis] = std::max<int64_t>(0, (span + std::abs(step) - 1) / std::abs(step));
  }
  Tensor out = made(x.dtype(), shape);
  const Sizes strides = strides_of(x.shape());
  each(shape, [&](int64_t i, const Sizes& at) {
    int64_t place = 0;
    for (size_t k = 0; k < at.size(); ++k) place += (from[k] + at[k] * by[k]) * strides[k];
    copy(out, i, x, place);
  });
  return out;
}

Tensor transpose(const Node& n) {
  const Tensor& x = n.x();
  Sizes order(x.shape().size());
  std::iota(order.begin(), order.end(), 0);
  std::reverse(order.begin(), order.end());
  order = n.attribute<Sizes>("perm", order);
  Sizes sorted = order, places(x.shape().size());
  std::sort(sorted.begin(), sorted.end());
  std::iota(places.begin(), places.end(), 0);
  if (sorted != places)
    fail_user("perm {} is no order of {} axes", to_string(order), places.size());
  Shape shape;
  for (const int64_t axis : order) shape.push_back(x.shape().at(static_cast<size_t>(axis)));
  Tensor out = made(x.dtype(), shape);
  const Sizes strides = strides_of(x.shape());
  each(shape, [&](int64_t i, const Sizes& at) {
    int64_t place = 0;
    for (size_t k = 0; k < at.size(); ++k) place += at[k] * strides[static_cast<size_t>(order[k])];
    copy(out, i, x, place);
  });
  return out;
}

Tensor expanded(const Tensor& x, const Shape& to) {
  Tensor out = made(x.dtype(), broadcast(x.shape(), to));
  const Sizes strides = strides_of(x.shape());
  each(out.shape(), [&](int64_t i, const Sizes& at) {
    copy(out, i, x, broadcast_place(at, x.shape(), strides));
  });
  return out;
}

Tensor tile(const Node& n) {
  const Tensor& x = n.x();
  const Sizes repeats = list(n.x(1));
  if (repeats.size() != x.shape().size()) fail_user("Tile with {} repeats", repeats.size());
  Shape shape = x.shape();
  for (size_t i = 0; i < shape.size(); ++i) shape[i] = ops::checked_mul(shape[i], repeats[i]);
  Tensor out = made(x.dtype(), shape);
  const Sizes strides = strides_of(x.shape());
  each(shape, [&](int64_t i, const Sizes& at) {
    int64_t place = 0;
    for (size_t k = 0; k < at.size(); ++k) place += (at[k] % x.shape()[k]) * strides[k];
    copy(out, i, x, place);
  });
  return out;
}

std::vector<Tensor> split(const Node& n) {
  const Tensor& x = n.x();
  const size_t axis = resolve_axis(n.integer("axis", 0), x.shape().size());
  Sizes sizes = n.given(1) ? list(n.x(1)) : n.attribute<Sizes>("split", {});
  if (sizes.empty()) {
    const int64_t parts = static_cast<int64_t>(n.outputs), size = x.shape()[axis];
    const int64_t part = (size + parts - 1) / parts;
    for (int64_t i = 0; i < parts; ++i) {
      sizes.push_back(std::clamp<int64_t>(size - i * part, 0, part));
    }
  }
  std::vector<Tensor> out;
  int64_t offset = 0;
  const Sizes strides = strides_of(x.shape());
  for (const int64_t size : sizes) {
    Shape shape = x.shape();
    shape[axis] = size;
    if (size < 0 || offset + size > x.shape()[axis]) fail_user("Split into {}", to_string(sizes));
    Tensor part = made(x.dtype(), shape);
    each(shape, [&](int64_t i, const Sizes& at) {
      int64_t place = offset * strides[axis];
      for (size_t k = 0; k < at.size(); ++k) place += at[k] * strides[k];
      copy(part, i, x, place);
    });
    offset += size;
    out.push_back(part);
  }
  return out;
}
Tensor where(const Node& n) {
  const Shape shape = broadcast(broadcast(n.x(0).shape(), n.x(1).shape()), n.x(2).shape());
  Tensor out = made(n.x(1).dtype(), shape);
  each(shape, [&](int64_t i, const Sizes& at) {
    const auto place = [&](size_t k) {
      return broadcast_place(at, n.x(k).shape(), strides_of(n.x(k).shape()));
    };
    const size_t from = n.x(0).at(place(0)) != 0 ? 1 : 2;
    copy(out, i, n.x(from), place(from));
  });
  return out;
}

Tensor constant_of_shape(const Node& n) {
  const Tensor value = n.attribute<Tensor>("value", Tensor::f32({1}, {0}));
  Tensor out = made(value.dtype(), list(n.x()));
  for (int64_t i = 0; i < out.elements(); ++i) copy(out, i, value, 0);
  return out;
}
/// The places of what is not zero, one column each.
Tensor non_zero(const Node& n) {
  const Tensor& x = n.x();
  const auto rank = static_cast<int64_t>(x.shape().size());
  std::vector<Sizes> found;
  each(x.shape(), [&](int64_t i, const Sizes& at) {
    if (x.at(i) != 0) found.push_back(at);
  });
  const auto count = static_cast<int64_t>(found.size());
  Tensor out = made(DType::kI64, {rank, count});
  for (int64_t k = 0; k < count; ++k) {
    for (int64_t axis = 0; axis < rank; ++axis) {
      out.set_integer(axis * count + k, found[static_cast<size_t>(k)][static_cast<size_t>(axis)]);
    }
  }
  return out;
}

/// What Unique gives: the entries of an axis (or all numbers), where they stand first, which of
/// them each one is, and how often each occurs.
std::vector<Tensor> unique(const Node& n) {
  const Tensor& x = n.x();
  const bool all = !n.attributes.contains("axis");
  const Shape shape = all ? Shape{x.elements()} : x.shape();
  const size_t axis = all ? 0 : resolve_axis(n.integer("axis", 0), shape.size());
  const Sizes strides = strides_of(shape);
  const auto size = static_cast<size_t>(shape[axis]);
  std::vector<std::vector<double>> entries(size);
  each(shape, [&](int64_t i, const Sizes& at) {
    entries[static_cast<size_t>(at[axis])].push_back(x.at(i));
  });
  std::vector<size_t> first, inverse(size);  // by kind
  std::vector<int64_t> counts;
  std::map<std::vector<double>, size_t> kinds;
  for (size_t i = 0; i < size; ++i) {
    const auto [kind, is_new] = kinds.emplace(entries[i], first.size());
    if (is_new) {
      first.push_back(i);
      counts.push_back(0);
    }
    inverse[i] = kind->second;
    ++counts[kind->second];
  }
  std::vector<size_t> order(first.size());  // of kinds, in the results
  std::iota(order.begin(), order.end(), size_t{0});
  if (n.integer("sorted", 1) != 0) {
    order.clear();
    for (const auto& [entry, kind] : kinds) order.push_back(kind);
  }
  std::vector<int64_t> places, which(size), often;
  std::vector<int64_t> rank_of(order.size());
  for (size_t k = 0; k < order.size(); ++k) {
    places.push_back(static_cast<int64_t>(first[order[k]]));
    often.push_back(counts[order[k]]);
    rank_of[order[k]] = static_cast<int64_t>(k);
  }
  for (size_t i = 0; i < size; ++i) which[i] = rank_of[inverse[i]];
  Shape to = shape;
  to[axis] = static_cast<int64_t>(order.size());
  Tensor values = made(x.dtype(), to);
  each(to, [&](int64_t i, const Sizes& at) {
    int64_t from = 0;
    for (size_t k = 0; k < at.size(); ++k) {
      from += (k == axis ? places[static_cast<size_t>(at[k])] : at[k]) * strides[k];
    }
    copy(values, i, x, from);
  });
  const auto count = to[axis], total = shape[axis];
  return {values, Tensor::i64({count}, places), Tensor::i64({total}, which),
          Tensor::i64({count}, often)};
}

}  // namespace

std::vector<Tensor> layout(const Node& n) {
  using Function = Tensor (*)(const Node&);
  static const std::map<std::string_view, Function> kFunctions = {
      {"Identity", [](const Node& node) { return node.x(); }},
      {"Unsqueeze", unsqueeze},
      {"Squeeze", squeeze},
      {"Reshape", reshape},
      {"Concat", concat},
      {"Gather", gather},
      {"Slice", slice},
      {"Transpose", transpose},
      {"Tile", tile},
      {"Where", where},
      {"ConstantOfShape", constant_of_shape},
      {"Expand", [](const Node& node) { return expanded(node.x(), list(node.x(1))); }},
      {"NonZero", non_zero},
      {"Size", [](const Node& node) { return Tensor::i64({}, {node.x().elements()}); }},
  };
  if (const auto found = kFunctions.find(n.name); found != kFunctions.end()) {
    return {found->second(n)};
  }
  if (n.name == "Unique") return unique(n);
  return n.name == "Split" ? split(n) : std::vector<Tensor>();
}

}  // namespace rung::fold
