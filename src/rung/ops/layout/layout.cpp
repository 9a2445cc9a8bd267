#include "rung/ops/layout/layout.h"

#include <algorithm>

#include "rung/base/error.h"
#include "rung/ops/check.h"

namespace rung::ops {

namespace {

/// The part of one axis that a Pad keeps: all of it, but for what negative numbers cut.
int64_t kept_size(const Pad& op, const TensorType& x, size_t axis) {
  const int64_t kept = checked_add(checked_add(x.shape[axis], std::min<int64_t>(op.begin[axis], 0)),
                                   std::min<int64_t>(op.end[axis], 0));
  if (kept < 0) {
    fail_user("Pad: axis {} of x {} is shorter than what begin {} and end {} cut off", axis,
              to_string(x), op.begin[axis], op.end[axis]);
  }
  return kept;
}

/// Borders made of x itself need enough of it.
void check_border(const Pad& op, const TensorType& x, size_t axis, int64_t kept) {
  const int64_t most = std::max(op.begin[axis], op.end[axis]);
  if (op.mode == PadMode::kZeros || most <= 0) return;
  const auto mode = names(op.mode)[static_cast<size_t>(op.mode)];
  if (op.mode != PadMode::kCircular && axis + 3 < x.rank()) {
    fail_user("Pad: {} acts on the last three axes, not on axis {} of x {}", mode, axis,
              to_string(x));
  }
  if (op.mode == PadMode::kReplicate ? kept == 0
      : op.mode == PadMode::kReflect ? most >= kept
                                     : most > kept) {
    fail_user("Pad: {} by {} needs a longer axis {}: x is {}, of which {} are kept", mode, most,
              axis, to_string(x), kept);
  }
}

}  // namespace

std::vector<TensorType> infer(const Pad& op, Types in) {
  check_inputs(Pad::kName, in, "x", 1);
  const TensorType& x = in[0];
  if (op.begin.size() != x.rank() || op.end.size() != x.rank()) {
    fail_user("Pad: begin {} and end {} must have one number per axis of x {}", to_string(op.begin),
              to_string(op.end), to_string(x));
  }
  Shape shape(x.rank());
  for (size_t i = 0; i < x.rank(); ++i) {
    const int64_t kept = kept_size(op, x, i);
    check_border(op, x, i, kept);
    shape[i] = checked_add(checked_add(kept, std::max<int64_t>(op.begin[i], 0)),
                           std::max<int64_t>(op.end[i], 0));
  }
  return output(Pad::kName, x.dtype, std::move(shape), x.roles);
}

std::vector<TensorType> infer(const Slice& op, Types in) {
  auto out = same_as_input(Slice::kName, in);
  const size_t axis = axis_in(Slice::kName, op.axis, in[0]);
  if (op.step < 1) fail_user("Slice: step must be at least 1, it is {}", op.step);
  int64_t& size = out[0].shape[axis];
  const auto position = [&](int64_t at) {
    return std::clamp<int64_t>(at < 0 ? at + size : at, 0, size);
  };
  const int64_t begin = position(op.begin);
  const int64_t length = std::max<int64_t>(position(op.end) - begin, 0);
  size = length / op.step + (length % op.step != 0 ? 1 : 0);
  return out;
}

std::vector<TensorType> infer(const Concat& op, Types in) {
  check_inputs(Concat::kName, in, "x1, x2, …", 1, SIZE_MAX);
  check_same_dtype(Concat::kName, in);
  TensorType out = in[0];
  const size_t axis = axis_in(Concat::kName, op.axis, out);
  for (size_t i = 1; i < in.size(); ++i) {
    Shape expected = in[i].shape;
    if (expected.size() == out.rank()) expected[axis] = out.shape[axis];
    if (expected != out.shape) {
      fail_user("Concat: inputs must be equal but for axis {}; input 0 is {}, input {} is {}", axis,
                to_string(in[0].shape), i, to_string(in[i].shape));
    }
    out.shape[axis] = checked_add(out.shape[axis], in[i].shape[axis]);
    for (size_t k = 0; k < out.rank(); ++k) {
      if (out.roles[k] == Role::kNone) out.roles[k] = in[i].roles[k];
    }
  }
  return output(Concat::kName, out.dtype, std::move(out.shape), std::move(out.roles));
}

std::vector<TensorType> infer(const Split& op, Types in) {
  check_inputs(Split::kName, in, "x", 1);
  const TensorType& x = in[0];
  const size_t axis = axis_in(Split::kName, op.axis, x);
  std::vector<TensorType> out;
  int64_t total = 0;
  for (const int64_t size : op.sizes) {
    Shape shape = x.shape;
    shape[axis] = size;
    total = checked_add(total, size);
    out.push_back(output(Split::kName, x.dtype, std::move(shape), x.roles)[0]);
  }
  if (out.empty() || total != x.shape[axis]) {
    fail_user("Split: sizes {} add up to {}, axis {} of x {} has {}; they must be equal",
              to_string(op.sizes), total, axis, to_string(x), x.shape[axis]);
  }
  return out;
}

std::vector<TensorType> infer(const Stack& op, Types in) {
  check_inputs(Stack::kName, in, "x1, x2, …", 1, SIZE_MAX);
  check_same_dtype(Stack::kName, in);
  for (size_t i = 1; i < in.size(); ++i) {
    if (in[i].shape != in[0].shape) {
      fail_user("Stack: inputs must be of one shape; input 0 is {}, input {} is {}",
                to_string(in[0].shape), i, to_string(in[i].shape));
    }
  }
  const auto axis = static_cast<std::ptrdiff_t>(axis_in(Stack::kName, op.axis, in[0].rank() + 1));
  Shape shape = in[0].shape;
  Roles roles = in[0].roles;
  shape.insert(shape.begin() + axis, static_cast<int64_t>(in.size()));
  roles.insert(roles.begin() + axis, Role::kNone);
  return output(Stack::kName, in[0].dtype, std::move(shape), std::move(roles));
}

std::vector<TensorType> infer(const Expand& op, Types in) {
  check_inputs(Expand::kName, in, "x", 1);
  const TensorType& x = in[0];
  if (op.shape.size() < x.rank()) {
    fail_user("Expand: shape {} has fewer axes than x {}", to_string(op.shape), to_string(x));
  }
  const size_t added = op.shape.size() - x.rank();
  Shape shape = op.shape;
  for (size_t i = added; i < shape.size(); ++i) {
    const int64_t size = x.shape[i - added];
    if (shape[i] == -1) shape[i] = size;
    if (size != 1 && size != shape[i]) {
      fail_user("Expand: axis {} of x {} has {} elements and cannot become {}; only 1 expands",
                i - added, to_string(x), size, shape[i]);
    }
  }
  Roles roles(added, Role::kNone);
  roles.insert(roles.end(), x.roles.begin(), x.roles.end());
  return output(Expand::kName, x.dtype, std::move(shape), std::move(roles));
}

int64_t macs(const Pad&, Types, Types) { return 0; }
int64_t macs(const Slice&, Types, Types) { return 0; }
int64_t macs(const Concat&, Types, Types) { return 0; }
int64_t macs(const Split&, Types, Types) { return 0; }
int64_t macs(const Stack&, Types, Types) { return 0; }
int64_t macs(const Expand&, Types, Types) { return 0; }

}  // namespace rung::ops
