#include "rung/io/onnx/fold.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "rung/base/error.h"

namespace rung {
namespace {

using ops::Sizes;

/// A node as its function sees it.
struct Node {
  std::string_view name;
  const ops::OnnxAttributes& attributes;
  const std::vector<Tensor>& in;
  size_t outputs;

  bool given(size_t i) const { return i < in.size() && in[i].defined(); }
  const Tensor& x(size_t i = 0) const {
    if (!given(i)) fail_user("{} lacks input {}", name, i);
    return in[i];
  }
  template <typename T>
  T attribute(std::string_view key, T fallback) const {
    const auto found = attributes.find(key);
    if (found == attributes.end()) return fallback;
    const T* value = std::get_if<T>(&found->second);
    if (value == nullptr) fail_user("attribute {} is of another type than ONNX says", key);
    return *value;
  }
  int64_t integer(std::string_view key, int64_t fallback) const {
    return attribute<int64_t>(key, fallback);
  }
};

constexpr int64_t kLargest = 1 << 20;  ///< elements of a result

/// Whole numbers are exact to 64 bits, fractions are doubles.
bool whole(DType dtype) { return !is_floating(dtype); }
int64_t get(const Tensor& t, int64_t i) {
  return t.dtype() == DType::kI64 ? t.as<int64_t>()[static_cast<size_t>(i)]
                                  : static_cast<int64_t>(t.at(i));
}
void put(Tensor& t, int64_t i, int64_t value) {
  if (t.dtype() == DType::kI64) {
    t.as<int64_t>()[static_cast<size_t>(i)] = value;
  } else {
    t.set(i, static_cast<double>(value));
  }
}
void copy(Tensor& to, int64_t i, const Tensor& from, int64_t k) {
  if (whole(to.dtype()) && whole(from.dtype())) {
    put(to, i, get(from, k));
  } else {
    to.set(i, from.at(k));
  }
}

Tensor made(DType dtype, const Shape& shape) {
  if (element_count(shape) > kLargest) {
    fail_unsupported("{} numbers that are worked out in advance", element_count(shape));
  }
  return Tensor(dtype, shape);
}

Sizes list(const Tensor& t) {
  Sizes out;
  for (int64_t i = 0; i < t.elements(); ++i) out.push_back(get(t, i));
  return out;
}

Sizes strides_of(const Shape& shape) {
  Sizes out(shape.size(), 1);
  for (size_t i = shape.size(); i-- > 1;) out[i - 1] = out[i] * shape[i];
  return out;
}

/// Calls f(place in the result, coordinates) for every element.
template <typename F>
void each(const Shape& shape, const F& f) {
  Sizes at(shape.size(), 0);
  const int64_t count = element_count(shape);
  for (int64_t i = 0; i < count; ++i) {
    f(i, at);
    for (size_t axis = shape.size(); axis-- > 0;) {
      if (++at[axis] < shape[axis]) break;
      at[axis] = 0;
    }
  }
}

/// Where a coordinate of a broadcast result lies in an input.
int64_t broadcast_place(const Sizes& at, const Shape& shape, const Sizes& strides) {
  int64_t place = 0;
  const size_t front = at.size() - shape.size();
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] != 1) place += at[front + i] * strides[i];
  }
  return place;
}

using Results = std::vector<Tensor>;

Tensor with_shape(const Tensor& x, const Shape& shape) {
  if (element_count(shape) != x.elements()) {
    fail_user("{} elements do not fit {}", x.elements(), to_string(shape));
  }
  return Tensor(x.dtype(), shape, x.storage());
}

// --- functions of two numbers

template <typename I, typename D>
Tensor elementwise(const Tensor& a, const Tensor& b, DType dtype, const I& integers,
                   const D& fractions) {
  Tensor out = made(dtype, broadcast(a.shape(), b.shape()));
  const Sizes sa = strides_of(a.shape()), sb = strides_of(b.shape());
  const bool exact = whole(a.dtype()) && whole(b.dtype());
  each(out.shape(), [&](int64_t i, const Sizes& at) {
    const int64_t pa = broadcast_place(at, a.shape(), sa), pb = broadcast_place(at, b.shape(), sb);
    if (exact) {
      put(out, i, integers(get(a, pa), get(b, pb)));
    } else {
      out.set(i, static_cast<double>(fractions(a.at(pa), b.at(pb))));
    }
  });
  return out;
}

int64_t divided(int64_t a, int64_t b) {
  if (b == 0 || (b == -1 && a == INT64_MIN)) fail_user("a division by {}", b);
  return a / b;
}
int64_t remainder(int64_t a, int64_t b) {
  if (b == 0 || b == -1) return b == 0 ? (fail_user("a division by 0"), 0) : 0;
  const int64_t r = a % b;
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
int64_t wrapped(int64_t a, int64_t b, int64_t (*f)(uint64_t, uint64_t)) {
  return f(static_cast<uint64_t>(a), static_cast<uint64_t>(b));
}

std::optional<Tensor> binary(const Node& n) {
  const Tensor &a = n.x(0), &b = n.x(1);
  const auto same = [&](auto integers, auto fractions) {
    return elementwise(a, b, a.dtype(), integers, fractions);
  };
  const auto test = [&](auto compare) { return elementwise(a, b, DType::kBool, compare, compare); };
  if (n.name == "Add") {
    return same(
        [](int64_t x, int64_t y) {
          return wrapped(x, y, [](uint64_t p, uint64_t q) { return static_cast<int64_t>(p + q); });
        },
        std::plus<double>());
  }
  if (n.name == "Sub") {
    return same(
        [](int64_t x, int64_t y) {
          return wrapped(x, y, [](uint64_t p, uint64_t q) { return static_cast<int64_t>(p - q); });
        },
        std::minus<double>());
  }
  if (n.name == "Mul") {
    return same(
        [](int64_t x, int64_t y) {
          return wrapped(x, y, [](uint64_t p, uint64_t q) { return static_cast<int64_t>(p * q); });
        },
        std::multiplies<double>());
  }
  if (n.name == "Div") return same(divided, std::divides<double>());
  if (n.name == "Mod" && n.integer("fmod", 0) == 0) {
    return same(remainder, [](double x, double y) { return x - y * std::floor(x / y); });
  }
  if (n.name == "Pow" && !whole(a.dtype())) {
    return elementwise(
        a, b, a.dtype(), [](int64_t, int64_t) { return 0; },
        [](double x, double y) { return std::pow(x, y); });
  }
  if (n.name == "Equal") return test([](auto x, auto y) { return x == y; });
  if (n.name == "Less") return test([](auto x, auto y) { return x < y; });
  if (n.name == "LessOrEqual") return test([](auto x, auto y) { return x <= y; });
  if (n.name == "Greater") return test([](auto x, auto y) { return x > y; });
  if (n.name == "GreaterOrEqual") return test([](auto x, auto y) { return x >= y; });
  if (n.name == "And") return test([](auto x, auto y) { return x != 0 && y != 0; });
  if (n.name == "Or") return test([](auto x, auto y) { return x != 0 || y != 0; });
  return std::nullopt;
}

std::optional<Tensor> variadic(const Node& n) {
  if (n.name != "Min" && n.name != "Max" && n.name != "Sum") return std::nullopt;
  Tensor out = n.x(0);
  for (size_t i = 1; i < n.in.size(); ++i) {
    const auto f = [&](auto a, auto b) {
      return n.name == "Min" ? std::min(a, b) : n.name == "Max" ? std::max(a, b) : a + b;
    };
    out = elementwise(out, n.x(i), out.dtype(), f, f);
  }
  return out;
}

std::optional<Tensor> unary(const Node& n) {
  static const std::map<std::string_view, double (*)(double)> kFunctions = {
      {"Floor", [](double x) { return std::floor(x); }},
      {"Ceil", [](double x) { return std::ceil(x); }},
      {"Round", [](double x) { return std::nearbyint(x); }},
      {"Sqrt", [](double x) { return std::sqrt(x); }},
      {"Abs", [](double x) { return std::fabs(x); }},
      {"Neg", [](double x) { return -x; }},
      {"Exp", [](double x) { return std::exp(x); }},
      {"Log", [](double x) { return std::log(x); }},
      {"Reciprocal", [](double x) { return 1 / x; }},
      {"Not", [](double x) { return x == 0 ? 1.0 : 0.0; }},
      {"Sign", [](double x) { return x > 0   ? 1.0
                                     : x < 0 ? -1.0
                                             : 0.0; }},
  };
  const auto found = kFunctions.find(n.name);
  if (found == kFunctions.end()) return std::nullopt;
  Tensor out = made(n.x().dtype(), n.x().shape());
  for (int64_t i = 0; i < out.elements(); ++i) {
    if (n.name == "Neg" && whole(out.dtype())) {
      put(out, i, -get(n.x(), i));
    } else {
      out.set(i, found->second(n.x().at(i)));
    }
  }
  return out;
}

// --- layout

Sizes axes_of(const Node& n, size_t input, size_t rank) {
  Sizes axes = n.given(input) ? list(n.in[input]) : n.attribute<Sizes>("axes", {});
  for (auto& axis : axes) axis = static_cast<int64_t>(resolve_axis(axis, rank));
  std::sort(axes.begin(), axes.end());
  return axes;
}

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
    if (shape[i] == 0 && n.integer("allowzero", 0) == 0) shape[i] = n.x().shape().at(i);
    if (shape[i] == -1) open = static_cast<int64_t>(i);
    if (shape[i] < -1) fail_user("shape holds {}", shape[i]);
    if (shape[i] != -1) known *= shape[i];
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
    int64_t row = get(index, at_index);
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
  if (order.size() != x.shape().size()) fail_user("perm has {} axes", order.size());
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
  for (size_t i = 0; i < shape.size(); ++i) shape[i] *= repeats[i];
  Tensor out = made(x.dtype(), shape);
  const Sizes strides = strides_of(x.shape());
  each(shape, [&](int64_t i, const Sizes& at) {
    int64_t place = 0;
    for (size_t k = 0; k < at.size(); ++k) place += (at[k] % x.shape()[k]) * strides[k];
    copy(out, i, x, place);
  });
  return out;
}

Results split(const Node& n) {
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
  Results out;
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

// --- the rest

std::optional<Tensor> reduce(const Node& n) {
  if (n.name != "ReduceProd" && n.name != "ReduceSum" && n.name != "ReduceMax" &&
      n.name != "ReduceMin") {
    return std::nullopt;
  }
  const Tensor& x = n.x();
  Sizes axes = axes_of(n, 1, x.shape().size());
  if (axes.empty() && n.integer("noop_with_empty_axes", 0) != 0) return x;
  const bool all = axes.empty(), keep = n.integer("keepdims", 1) != 0;
  Shape kept = x.shape(), shape;
  for (size_t i = 0; i < kept.size(); ++i) {
    const bool folds =
        all || std::find(axes.begin(), axes.end(), static_cast<int64_t>(i)) != axes.end();
    if (folds) kept[i] = 1;
    if (!folds || keep) shape.push_back(kept[i]);
  }
  Tensor out = made(x.dtype(), kept);
  std::vector<bool> seen(static_cast<size_t>(out.elements()), false);
  if (n.name == "ReduceProd") {
    for (int64_t i = 0; i < out.elements(); ++i) put(out, i, 1);
  }
  const Sizes strides = strides_of(kept);
  each(x.shape(), [&](int64_t i, const Sizes& at) {
    const int64_t place = broadcast_place(at, kept, strides);
    const auto fold = [&](auto a, auto b) {
      if (n.name == "ReduceProd") return a * b;
      if (n.name == "ReduceSum") return a + b;
      if (!seen[static_cast<size_t>(place)]) return b;
      return n.name == "ReduceMax" ? std::max(a, b) : std::min(a, b);
    };
    if (whole(x.dtype())) {
      put(out, place, fold(get(out, place), get(x, i)));
    } else {
      out.set(place, fold(out.at(place), x.at(i)));
    }
    seen[static_cast<size_t>(place)] = true;
  });
  return with_shape(out, shape);
}

Tensor cast(const Tensor& x, DType dtype) {
  Tensor out = made(dtype, x.shape());
  for (int64_t i = 0; i < out.elements(); ++i) {
    if (dtype == DType::kBool) {
      out.set(i, x.at(i) != 0 ? 1 : 0);
    } else if (whole(dtype) && !whole(x.dtype())) {
      const double value = std::trunc(x.at(i));
      if (!(std::fabs(value) < 9e18)) fail_user("{} is no whole number of 64 bits", value);
      put(out, i, static_cast<int64_t>(value));
    } else {
      copy(out, i, x, i);
    }
  }
  return out;
}

std::optional<Tensor> range(const Node& n) {
  const double begin = n.x(0).at(0), end = n.x(1).at(0), step = n.x(2).at(0);
  if (step == 0) fail_user("Range in steps of 0");
  const double count = std::max(0.0, std::ceil((end - begin) / step));
  if (!(count <= static_cast<double>(kLargest))) fail_user("Range of {} numbers", count);
  Tensor out(n.x(0).dtype(), {static_cast<int64_t>(count)});
  for (int64_t i = 0; i < out.elements(); ++i) {
    out.set(i, begin + static_cast<double>(i) * step);
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

}  // namespace

std::optional<std::vector<Tensor>> fold_onnx(std::string_view name,
                                             const ops::OnnxAttributes& attributes,
                                             const std::vector<Tensor>& in, size_t outputs) {
  const Node n{name, attributes, in, outputs};
  if (in.empty()) return std::nullopt;
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
      {"CastLike", [](const Node& node) { return cast(node.x(), node.x(1).dtype()); }},
      {"Size", [](const Node& node) { return Tensor::i64({}, {node.x().elements()}); }},
  };
  if (const auto found = kFunctions.find(name); found != kFunctions.end()) {
    return Results{found->second(n)};
  }
  if (name == "Split") return split(n);
  if (name == "Cast") {
    const auto dtype = ops::dtype_from_onnx(n.integer("to", 0));
    if (!dtype) return std::nullopt;
    return Results{cast(n.x(), *dtype)};
  }
  for (const auto function : {variadic, unary, reduce}) {
    if (auto out = function(n)) return Results{*out};
  }
  if (name == "Range") return Results{*range(n)};
  if (in.size() == 2) {
    if (auto out = binary(n)) return Results{*out};
  }
  return std::nullopt;
}

}  // namespace rung
