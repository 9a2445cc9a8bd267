#pragma once

#include <string_view>
#include <vector>

#include "rung/ops/fields.h"

namespace rung::ops {

// What the shape rules of several ops check alike. Everything here throws user errors; those that
// are given the op (its kName) begin with it.

/// `min` to `max` inputs, each without negative sizes and below 2^62 elements. `what` names them
/// for the message: "x, weight, optional bias".
void check_inputs(std::string_view op, Types in, std::string_view what, size_t min, size_t max);
inline void check_inputs(std::string_view op, Types in, std::string_view what, size_t count) {
  check_inputs(op, in, what, count, count);
}

/// All of one dtype.
void check_same_dtype(std::string_view op, Types in);
/// All floating, and of one dtype.
void check_floating(std::string_view op, Types in);

/// A rank between `min` and `max`; `what` is the input's name and `form` its shape in words, such
/// as "[N, C, S…]".
void check_rank(std::string_view op, std::string_view what, const TensorType& type,
                std::string_view form, size_t min, size_t max);

/// Exactly this shape; `rule` says where it comes from: "one per output channel".
void check_shape(std::string_view op, std::string_view what, const TensorType& type,
                 const Shape& expected, std::string_view rule);

/// No axis from `first` on is of size 0, as PyTorch's map ops ask.
void check_not_empty(std::string_view op, std::string_view what, const TensorType& type,
                     size_t first);

/// An attribute with exactly one number per spatial axis.
void check_count(std::string_view op, std::string_view attribute, size_t count, size_t axes);

/// An attribute with one number per spatial axis. Empty: `fallback` for all; one number serves
/// every axis. Throws on any other length and on numbers below `minimum`.
Sizes per_axis(std::string_view op, std::string_view attribute, const Sizes& sizes, size_t axes,
               int64_t fallback, int64_t minimum);

/// Whether every number is `value`; true of none.
bool all_are(const Sizes& sizes, int64_t value);

/// Begin and end of every axis.
struct Border {
  Sizes begin;
  Sizes end;
};
/// The padding of a window op: per_axis for both ends alike, or all begins, then all ends.
Border border(std::string_view op, const Sizes& padding, size_t axes);

/// A possibly negative axis of a type, or of a rank.
size_t axis_in(std::string_view op, int64_t axis, const TensorType& type);
size_t axis_in(std::string_view op, int64_t axis, size_t rank);
/// Possibly negative axes, each resolved against the rank; no axis may be named twice.
std::vector<size_t> distinct_axes(std::string_view op, const Sizes& axes, size_t rank);

/// Sums and products of sizes, however absurd; throw where 64 bits do not hold them.
int64_t checked_add(int64_t a, int64_t b);
int64_t checked_mul(int64_t a, int64_t b);

/// NumPy's broadcasting of two inputs; the message names the op, both shapes and the fix.
Shape broadcast_inputs(std::string_view op, const Shape& a, const Shape& b);

/// One input x; the output is as x.
std::vector<TensorType> same_as_input(std::string_view op, Types in);

/// Roles of an op that works on [N, C, S…]: x's own; unknown ones become batch, channel, space.
Roles filled_map_roles(const TensorType& x);

/// As many axes as any op takes (and as LibTorch's loops hold).
constexpr size_t kMaxRank = 64;
/// One output; throws where its sizes are negative, or it has too many elements or axes.
std::vector<TensorType> output(std::string_view op, DType dtype, Shape shape, Roles roles);

}  // namespace rung::ops
