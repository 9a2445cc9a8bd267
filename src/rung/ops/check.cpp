#include "rung/ops/check.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "rung/base/error.h"

namespace rung::ops {

namespace {

std::string range_text(size_t min, size_t max) {
  if (min == max) return std::to_string(min);
  if (max == SIZE_MAX) return fmt::format("at least {}", min);
  return fmt::format("{} to {}", min, max);
}

void check_sizes(std::string_view op, std::string_view what, const Shape& shape) {
  try {
    element_count(shape);
  } catch (const Error& error) {
    fail_user("{}: {}: {}", op, what, error.what());
  }
}

}  // namespace

bool all_are(const Sizes& sizes, int64_t value) {
  return std::all_of(sizes.begin(), sizes.end(), [=](int64_t size) { return size == value; });
}

void check_inputs(std::string_view op, Types in, std::string_view what, size_t min, size_t max) {
  if (in.size() < min || in.size() > max) {
    fail_user("{}: takes {} inputs ({}), got {}", op, range_text(min, max), what, in.size());
  }
  for (size_t i = 0; i < in.size(); ++i) {
    check_sizes(op, fmt::format("input {}", i), in[i].shape);
  }
}

void check_same_dtype(std::string_view op, Types in) {
  for (size_t i = 1; i < in.size(); ++i) {
    if (in[i].dtype != in[0].dtype) {
      fail_user(
          "{}: inputs must be of one dtype, input 0 is {} and input {} is {}; cast one of them", op,
          to_string(in[0]), i, to_string(in[i]));
    }
  }
}

void check_floating(std::string_view op, Types in) {
  for (size_t i = 0; i < in.size(); ++i) {
    if (!is_floating(in[i].dtype)) {
      fail_user("{}: works on floating numbers, input {} is {}; cast it", op, i, to_string(in[i]));
    }
  }
  check_same_dtype(op, in);
}

void check_rank(std::string_view op, std::string_view what, const TensorType& type,
                std::string_view form, size_t min, size_t max) {
  if (type.rank() < min || type.rank() > max) {
    fail_user("{}: {} must be {} (rank {}), it is {} (rank {})", op, what, form,
              range_text(min, max), to_string(type), type.rank());
  }
}

void check_shape(std::string_view op, std::string_view what, const TensorType& type,
                 const Shape& expected, std::string_view rule) {
  if (type.shape != expected) {
    fail_user("{}: {} must be {} ({}), it is {}", op, what, to_string(expected), rule,
              to_string(type.shape));
  }
}

void check_not_empty(std::string_view op, std::string_view what, const TensorType& type,
                     size_t first) {
  for (size_t axis = first; axis < type.rank(); ++axis) {
    if (type.shape[axis] == 0) {
      fail_user("{}: axis {} of {} {} is empty", op, axis, what, to_string(type));
    }
  }
}

void check_count(std::string_view op, std::string_view attribute, size_t count, size_t axes) {
  if (count != axes) {
    fail_user("{}: {} has {} numbers, x has {} spatial axes; give one per axis", op, attribute,
              count, axes);
  }
}

Sizes per_axis(std::string_view op, std::string_view attribute, const Sizes& sizes, size_t axes,
               int64_t fallback, int64_t minimum) {
  if (sizes.size() > 1 && sizes.size() != axes) {
    fail_user("{}: {} {} has {} numbers, x has {} spatial axes; give one per axis, or one for all",
              op, attribute, to_string(sizes), sizes.size(), axes);
  }
  for (const int64_t size : sizes) {
    if (size < minimum) {
      fail_user("{}: {} {} must be at least {}", op, attribute, to_string(sizes), minimum);
    }
  }
  if (sizes.size() == axes) return sizes;
  return Sizes(axes, sizes.empty() ? fallback : sizes[0]);
}

Border border(std::string_view op, const Sizes& padding, size_t axes) {
  if (axes == 0 || padding.size() != 2 * axes) {
    const Sizes both = per_axis(op, "padding", padding, axes, 0, 0);
    return {both, both};
  }
  const auto middle = padding.begin() + static_cast<std::ptrdiff_t>(axes);
  return {per_axis(op, "padding", Sizes(padding.begin(), middle), axes, 0, 0),
          per_axis(op, "padding", Sizes(middle, padding.end()), axes, 0, 0)};
}

size_t axis_in(std::string_view op, int64_t axis, const TensorType& type) {
  const auto n = static_cast<int64_t>(type.rank());
  if (axis < -n || axis >= n) {
    fail_user("{}: axis {} is out of range for {} of rank {}", op, axis, to_string(type), n);
  }
  return resolve_axis(axis, type.rank());
}

size_t axis_in(std::string_view op, int64_t axis, size_t rank) {
  const auto n = static_cast<int64_t>(rank);
  if (axis < -n || axis >= n) fail_user("{}: axis {} is out of range for rank {}", op, axis, n);
  return resolve_axis(axis, rank);
}

std::vector<size_t> distinct_axes(std::string_view op, const Sizes& axes, size_t rank) {
  std::vector<size_t> resolved;
  for (const int64_t axis : axes) {
    const size_t found = axis_in(op, axis, rank);
    if (std::count(resolved.begin(), resolved.end(), found) > 0) {
      fail_user("{}: axes {} name axis {} twice", op, to_string(axes), found);
    }
    resolved.push_back(found);
  }
  return resolved;
}

int64_t checked_add(int64_t a, int64_t b) {
  int64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) fail_user("the sizes {} + {} do not fit 64 bits", a, b);
  return sum;
}

int64_t checked_mul(int64_t a, int64_t b) {
  int64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product))
    fail_user("the sizes {} x {} do not fit 64 bits", a, b);
  return product;
}

Shape broadcast_inputs(std::string_view op, const Shape& a, const Shape& b) {
  try {
    return broadcast(a, b);
  } catch (const Error& error) {
    fail_user("{}: {}; make them equal, or one of them 1", op, error.what());
  }
}

std::vector<TensorType> same_as_input(std::string_view op, Types in) {
  check_inputs(op, in, "x", 1);
  return {in[0]};
}

Roles filled_map_roles(const TensorType& x) {
  Roles roles = x.roles;
  const Roles map = map_roles(x.rank());
  for (size_t i = 0; i < roles.size(); ++i) {
    const bool place = roles[i] == Role::kSpace || roles[i] == Role::kTime;
    if (roles[i] == Role::kNone || (i > 1 && !place)) roles[i] = map[i];
  }
  if (roles.size() > 2) roles[1] = Role::kChannel;
  return roles;
}

std::vector<TensorType> output(std::string_view op, DType dtype, Shape shape, Roles roles) {
  if (shape.size() > kMaxRank) {
    fail_user("{}: the output has {} axes, more than {}", op, shape.size(), kMaxRank);
  }
  check_sizes(op, "the output", shape);
  return {TensorType(dtype, std::move(shape), std::move(roles))};
}

}  // namespace rung::ops
