#include <algorithm>

#include "rung/base/error.h"
#include "rung/ops/check.h"
#include "rung/ops/layout/layout.h"

// The ops that keep every element and change only the axes.

namespace rung::ops {

namespace {

/// `shape` with the input's sizes in place of zeros and what is left in place of -1.
Shape reshaped(const Sizes& shape, const TensorType& x) {
  Shape out = shape;
  size_t open = shape.size();
  for (size_t i = 0; i < out.size(); ++i) {
    if (out[i] == 0) {
      if (i >= x.rank()) {
        fail_user("Reshape: shape {} keeps axis {}, which x {} does not have", to_string(shape), i,
                  to_string(x));
      }
      out[i] = x.shape[i];
    } else if (out[i] == -1 && open == shape.size()) {
      open = i;
      out[i] = 1;
    } else if (out[i] < 0) {
      fail_user("Reshape: shape {} may hold one -1 and no other negative number", to_string(shape));
    }
  }
  const int64_t known = output(Reshape::kName, x.dtype, out, Roles(out.size()))[0].elements();
  const int64_t elements = x.elements();
  const bool fits = open == shape.size() ? known == elements : known > 0 && elements % known == 0;
  if (!fits) {
    fail_user("Reshape: x {} has {} elements, which shape {} cannot hold", to_string(x.shape),
              elements, to_string(shape));
  }
  if (open < shape.size()) out[open] = elements / known;
  return out;
}

bool is_extent(Role role) { return role == Role::kSpace || role == Role::kTime; }

/// The role of axes first…last merged into one.
Role merged_role(const TensorType& x, size_t first, size_t last) {
  const Role role = x.roles[first];
  if (first == last) return role;
  const bool alike = std::all_of(x.roles.begin() + static_cast<std::ptrdiff_t>(first),
                                 x.roles.begin() + static_cast<std::ptrdiff_t>(last) + 1,
                                 [&](Role other) { return other == role; });
  const bool extent = alike && (role == Role::kSpace || role == Role::kTime);
  const bool ends = first > 0 && x.roles[0] == Role::kBatch && last + 1 == x.rank();
  // Behind the batch alone there is nothing left that could be the features of these tokens.
  if (ends && !(extent && first > 1)) return Role::kFeature;
  if (extent) return Role::kTime;
  return alike && role != Role::kBatch ? role : Role::kNone;
}

/// Roles of axes that stay, from the front and from the back; tokens on a grid are places.
Roles reshaped_roles(const TensorType& x, const Shape& shape) {
  Roles roles(shape.size(), Role::kNone);
  const size_t rank = x.rank(), common = std::min(shape.size(), rank);
  size_t front = 0, back = 0;
  while (front < common && shape[front] == x.shape[front]) ++front;
  while (front + back < common && shape[shape.size() - 1 - back] == x.shape[rank - 1 - back]) {
    ++back;
  }
  std::copy_n(x.roles.begin(), front, roles.begin());
  std::copy_n(x.roles.rbegin(), back, roles.rbegin());
  const size_t from = rank - front - back, to = shape.size() - front - back;
  const auto middle = roles.begin() + static_cast<std::ptrdiff_t>(front);
  const bool tokens = from == 1 && to == 2 && x.is_sequence() && front == 1;
  if (tokens) std::fill_n(middle, 2, Role::kSpace);
  if (to == 1 && from > 1) *middle = merged_role(x, front, front + from - 1);
  // One axis between the batch and places holds the channels.
  const bool channels = roles.size() > 2 && roles[0] == Role::kBatch && roles[1] == Role::kNone &&
                        std::all_of(roles.begin() + 2, roles.end(), is_extent);
  if (channels) roles[1] = Role::kChannel;
  return roles;
}

}  // namespace

std::vector<TensorType> infer(const Reshape& op, Types in) {
  check_inputs(Reshape::kName, in, "x", 1);
  const TensorType& x = in[0];
  Shape shape = reshaped(op.shape, x);
  Roles roles = reshaped_roles(x, shape);
  if (roles.size() == 2 && roles[1] == Role::kNone) roles[1] = Role::kFeature;
  return output(Reshape::kName, x.dtype, std::move(shape), std::move(roles));
}

std::vector<TensorType> infer(const Flatten& op, Types in) {
  check_inputs(Flatten::kName, in, "x", 1);
  const TensorType& x = in[0];
  const size_t first = axis_in(Flatten::kName, op.first, x);
  const size_t last = axis_in(Flatten::kName, op.last, x);
  if (first > last) {
    fail_user("Flatten: first axis {} lies behind the last axis {} of x {}", first, last,
              to_string(x));
  }
  Shape shape;
  Roles roles;
  for (size_t i = 0; i < x.rank(); ++i) {
    if (i > first && i <= last) {
      shape.back() = checked_mul(shape.back(), x.shape[i]);
    } else {
      shape.push_back(x.shape[i]);
      roles.push_back(i == first ? merged_role(x, first, last) : x.roles[i]);
    }
  }
  // Parts of channels, as shuffled and grouped ones are cut into, are channels again.
  if (first == 1 && shape.size() >= 4 && roles[0] == Role::kBatch && roles[1] == Role::kNone &&
      std::all_of(roles.begin() + 2, roles.end(), [](Role r) { return r == Role::kSpace; })) {
    roles[1] = Role::kChannel;
  }
  return output(Flatten::kName, x.dtype, std::move(shape), std::move(roles));
}

std::vector<TensorType> infer(const Transpose& op, Types in) {
  check_inputs(Transpose::kName, in, "x", 1);
  const TensorType& x = in[0];
  const auto order = distinct_axes(Transpose::kName, op.order, x.rank());
  if (order.size() != x.rank()) {
    fail_user("Transpose: order {} must name each axis of x {} once", to_string(op.order),
              to_string(x));
  }
  TensorType out = x;
  for (size_t i = 0; i < order.size(); ++i) {
    out.shape[i] = x.shape[order[i]];
    out.roles[i] = x.roles[order[i]];
  }
  if (out.roles == Roles{Role::kBatch, Role::kTime, Role::kChannel} ||
      out.roles == Roles{Role::kBatch, Role::kSpace, Role::kChannel}) {
    out.roles = sequence_roles();
  } else if (out.rank() >= 3 && out.roles[0] == Role::kBatch && out.roles[1] == Role::kFeature &&
             std::all_of(out.roles.begin() + 2, out.roles.end(), is_extent)) {
    out.roles[1] = Role::kChannel;
  }
  return {out};
}

std::vector<TensorType> infer(const Squeeze& op, Types in) {
  check_inputs(Squeeze::kName, in, "x", 1);
  const TensorType& x = in[0];
  const auto axes = distinct_axes(Squeeze::kName, op.axes, x.rank());
  Shape shape;
  Roles roles;
  for (size_t i = 0; i < x.rank(); ++i) {
    if (std::find(axes.begin(), axes.end(), i) == axes.end()) {
      shape.push_back(x.shape[i]);
      roles.push_back(x.roles[i]);
    } else if (x.shape[i] != 1) {
      fail_user("Squeeze: axis {} of x {} has {} elements; only axes of 1 can go", i,
                to_string(x.shape), x.shape[i]);
    }
  }
  return output(Squeeze::kName, x.dtype, std::move(shape), std::move(roles));
}

std::vector<TensorType> infer(const Unsqueeze& op, Types in) {
  check_inputs(Unsqueeze::kName, in, "x", 1);
  const TensorType& x = in[0];
  const size_t rank = x.rank() + op.axes.size();
  if (rank > kMaxRank) {
    fail_user("Unsqueeze: the output has {} axes, more than {}", rank, kMaxRank);
  }
  const auto axes = distinct_axes(Unsqueeze::kName, op.axes, rank);
  const bool trailing =
      std::all_of(axes.begin(), axes.end(), [&](size_t axis) { return axis >= x.rank(); });
  if (x.is_vector() && trailing && !axes.empty()) {
    Shape shape = x.shape;
    shape.resize(rank, 1);
    return output(Unsqueeze::kName, x.dtype, std::move(shape), map_roles(rank));
  }
  Shape shape;
  Roles roles;
  for (size_t i = 0, next = 0; i < rank; ++i) {
    const bool added = std::find(axes.begin(), axes.end(), i) != axes.end();
    shape.push_back(added ? 1 : x.shape[next]);
    // More places of a map; anything else could mean anything.
    const Role role = x.is_map() && i >= 2 ? Role::kSpace : Role::kNone;
    roles.push_back(added ? role : x.roles[next]);
    if (!added) ++next;
  }
  return output(Unsqueeze::kName, x.dtype, std::move(shape), std::move(roles));
}

int64_t macs(const Reshape&, Types, Types) { return 0; }
int64_t macs(const Flatten&, Types, Types) { return 0; }
int64_t macs(const Transpose&, Types, Types) { return 0; }
int64_t macs(const Squeeze&, Types, Types) { return 0; }
int64_t macs(const Unsqueeze&, Types, Types) { return 0; }

}  // namespace rung::ops
