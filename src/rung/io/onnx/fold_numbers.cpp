#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include "rung/io/onnx/fold_node.h"
#include "rung/tensor/float8.h"

namespace rung::fold {
namespace {

template <typename I, typename D>
Tensor elementwise(const Tensor& a, const Tensor& b, DType dtype, const I& integers,
                   const D& fractions) {
  Tensor out = made(dtype, broadcast(a.shape(), b.shape()));
  const Sizes sa = strides_of(a.shape()), sb = strides_of(b.shape());
  const bool exact = whole(a.dtype()) && whole(b.dtype());
  each(out.shape(), [&](int64_t i, const Sizes& at) {
    const int64_t pa = broadcast_place(at, a.shape(), sa), pb = broadcast_place(at, b.shape(), sb);
    if (exact) {
      out.set_integer(i, integers(a.integer(pa), b.integer(pb)));
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

// Whole numbers wrap around, as they do when a network runs.
int64_t sum(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}
int64_t difference(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}
int64_t product(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}
double sum(double a, double b) { return a + b; }
double difference(double a, double b) { return a - b; }
double product(double a, double b) { return a * b; }

std::optional<Tensor> binary(const Node& n) {
  const Tensor &a = n.x(0), &b = n.x(1);
  const auto same = [&](auto f) { return elementwise(a, b, a.dtype(), f, f); };
  const auto test = [&](auto compare) { return elementwise(a, b, DType::kBool, compare, compare); };
  if (n.name == "Add") return same([](auto x, auto y) { return sum(x, y); });
  if (n.name == "Sub") return same([](auto x, auto y) { return difference(x, y); });
  if (n.name == "Mul") return same([](auto x, auto y) { return product(x, y); });
  if (n.name == "Div") return elementwise(a, b, a.dtype(), divided, std::divides<double>());
  if (n.name == "Mod" && n.integer("fmod", 0) == 0) {
    return elementwise(a, b, a.dtype(), remainder,
                       [](double x, double y) { return x - y * std::floor(x / y); });
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
      return n.name == "Min" ? std::min(a, b) : n.name == "Max" ? std::max(a, b) : sum(a, b);
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
      {"Relu", [](double x) { return x > 0 ? x : 0; }},
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
      out.set_integer(i, difference(int64_t{0}, n.x().integer(i)));
    } else {
      out.set(i, found->second(n.x().at(i)));
    }
  }
  return out;
}
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
    for (int64_t i = 0; i < out.elements(); ++i) out.set_integer(i, 1);
  }
  const Sizes strides = strides_of(kept);
  each(x.shape(), [&](int64_t i, const Sizes& at) {
    const int64_t place = broadcast_place(at, kept, strides);
    const auto fold = [&](auto a, auto b) {
      if (n.name == "ReduceProd") return product(a, b);
      if (n.name == "ReduceSum") return sum(a, b);
      if (!seen[static_cast<size_t>(place)]) return b;
      return n.name == "ReduceMax" ? std::max(a, b) : std::min(a, b);
    };
    if (whole(x.dtype())) {
      out.set_integer(place, fold(out.integer(place), x.integer(i)));
    } else {
      out.set(place, fold(out.at(place), x.at(i)));
    }
    seen[static_cast<size_t>(place)] = true;
  });
  return with_shape(out, shape);
}

Tensor cast(const Node& n, DType dtype) {
  const Tensor& x = n.x();
  Tensor out = made(dtype, x.shape());
  const bool saturates = is_float8(dtype) && n.integer("saturate", 1) != 0;
  const double most = saturates ? largest_float8(dtype) : 0;
  for (int64_t i = 0; i < out.elements(); ++i) {
    if (saturates) {
      out.set(i, std::isnan(x.at(i)) ? x.at(i) : std::clamp(x.at(i), -most, most));
    } else if (dtype == DType::kBool) {
      out.set(i, x.at(i) != 0 ? 1 : 0);
    } else if (whole(dtype) && !whole(x.dtype())) {
      const double value = std::trunc(x.at(i));
      if (!(std::fabs(value) < 9e18)) fail_user("{} is no whole number of 64 bits", value);
      out.set_integer(i, static_cast<int64_t>(value));
    } else {
      copy(out, i, x, i);
    }
  }
  return out;
}

Tensor range(const Node& n) {
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

/// Whether it holds numbers that 64 bits with a sign do not.
bool beyond_i64(const Tensor& x) {
  if (!x.defined() || x.dtype() != DType::kU64) return false;
  const auto values = x.as<uint64_t>();
  return std::any_of(values.begin(), values.end(), [](uint64_t v) { return v > INT64_MAX; });
}

}  // namespace

std::vector<Tensor> numbers(const Node& n) {
  if (std::any_of(n.in.begin(), n.in.end(), beyond_i64)) return {};  // left to LibTorch
  if (n.name == "CastLike") return {cast(n, n.x(1).dtype())};
  if (n.name == "Range") return {range(n)};
  if (n.name == "Cast") {
    const auto dtype = ops::dtype_from_onnx(n.integer("to", 0));
    if (!dtype) return {};
    return {cast(n, *dtype)};
  }
  for (const auto function : {variadic, unary, reduce}) {
    if (auto out = function(n)) return {*out};
  }
  if (n.in.size() == 2) {
    if (auto out = binary(n)) return {*out};
  }
  return {};
}

}  // namespace rung::fold
