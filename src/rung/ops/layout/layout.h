#pragma once

#include "rung/ops/fields.h"

namespace rung::ops {

/// Adds a border, torch.nn.functional.pad.  input  x;  output  size + begin + end per axis.
/// Negative numbers cut. kReflect and kReplicate act on at most the last three axes; kReflect needs
/// more elements than it adds at either end, kCircular at least as many.
struct Pad {
  static constexpr std::string_view kName = "Pad";
  Sizes begin;                     ///< one per axis of x
  Sizes end;                       ///< one per axis of x
  PadMode mode = PadMode::kZeros;  ///< kZeros fills with `value`
  double value = 0;
  static constexpr auto fields() {
    return std::make_tuple(field("begin", &Pad::begin), field("end", &Pad::end),
                           field("mode", &Pad::mode), field("value", &Pad::value));
  }
  bool operator==(const Pad&) const = default;
};

/// A stretch of one axis, x[begin:end:step] as in Python: negative positions count from the end,
/// positions outside are clamped.  input  x;  output  x with that axis shorter. step > 0.
struct Slice {
  static constexpr std::string_view kName = "Slice";
  int64_t axis = 0;
  int64_t begin = 0;
  int64_t end = INT64_MAX;
  int64_t step = 1;
  static constexpr auto fields() {
    return std::make_tuple(field("axis", &Slice::axis), field("begin", &Slice::begin),
                           field("end", &Slice::end), field("step", &Slice::step));
  }
  bool operator==(const Slice&) const = default;
};

/// Joins tensors along an axis, torch.cat.  inputs  x1, x2, …, equal but for that axis;
/// output  their sizes there added.  Roles of the first; where one is unknown, of the next.
struct Concat {
  static constexpr std::string_view kName = "Concat";
  int64_t axis = 1;
  static constexpr auto fields() { return std::make_tuple(field("axis", &Concat::axis)); }
  bool operator==(const Concat&) const = default;
};

/// Cuts an axis into pieces, torch.split with sizes.  input  x;  outputs  one per size.
/// The sizes must add up to the axis.
struct Split {
  static constexpr std::string_view kName = "Split";
  int64_t axis = 1;
  Sizes sizes;
  static constexpr auto fields() {
    return std::make_tuple(field("axis", &Split::axis), field("sizes", &Split::sizes));
  }
  bool operator==(const Split&) const = default;
};

/// Joins equal tensors along a new axis (role unknown), torch.stack.
struct Stack {
  static constexpr std::string_view kName = "Stack";
  int64_t axis = 0;
  static constexpr auto fields() { return std::make_tuple(field("axis", &Stack::axis)); }
  bool operator==(const Stack&) const = default;
};

/// Same elements, new sizes, torch.reshape.  In `shape`, 0 keeps the input's size at that place
/// and one -1 takes what is left.  Roles: leading axes whose sizes agree keep theirs, the rest
/// are unknown, but for results of rank 2, whose last axis is a feature.
struct Reshape {
  static constexpr std::string_view kName = "Reshape";
  Sizes shape;
  static constexpr auto fields() { return std::make_tuple(field("shape", &Reshape::shape)); }
  bool operator==(const Reshape&) const = default;
};

/// Merges axes first…last into one, torch.flatten.  A merged axis behind the batch that ends the
/// tensor is a feature; merged axes of one role (spaces) give a time axis: tokens.
struct Flatten {
  static constexpr std::string_view kName = "Flatten";
  int64_t first = 1;
  int64_t last = -1;
  static constexpr auto fields() {
    return std::make_tuple(field("first", &Flatten::first), field("last", &Flatten::last));
  }
  bool operator==(const Flatten&) const = default;
};

/// Reorders axes, torch.permute: axis i of the output is axis order[i] of x. Roles follow; the
/// channels of (batch, time or space, channel) are features of steps then, and those of (batch,
/// feature, time) channels, so that a line of a map is a sequence and the reverse.
struct Transpose {
  static constexpr std::string_view kName = "Transpose";
  Sizes order;
  static constexpr auto fields() { return std::make_tuple(field("order", &Transpose::order)); }
  bool operator==(const Transpose&) const = default;
};

/// Drops these axes, torch.squeeze. Each must be of size 1.
struct Squeeze {
  static constexpr std::string_view kName = "Squeeze";
  Sizes axes;
  static constexpr auto fields() { return std::make_tuple(field("axes", &Squeeze::axes)); }
  bool operator==(const Squeeze&) const = default;
};

/// Adds axes of size 1 at these places of the output, torch.unsqueeze. Roles unknown there,
/// but for [N, C] -> [N, C, 1, …], whose new trailing axes are space.
struct Unsqueeze {
  static constexpr std::string_view kName = "Unsqueeze";
  Sizes axes;
  static constexpr auto fields() { return std::make_tuple(field("axes", &Unsqueeze::axes)); }
  bool operator==(const Unsqueeze&) const = default;
};

/// Broadcasts to larger sizes, torch.expand: -1 keeps a size, new axes come in front.
struct Expand {
  static constexpr std::string_view kName = "Expand";
  Sizes shape;
  static constexpr auto fields() { return std::make_tuple(field("shape", &Expand::shape)); }
  bool operator==(const Expand&) const = default;
};

std::vector<TensorType> infer(const Pad&, Types in);
std::vector<TensorType> infer(const Slice&, Types in);
std::vector<TensorType> infer(const Concat&, Types in);
std::vector<TensorType> infer(const Split&, Types in);
std::vector<TensorType> infer(const Stack&, Types in);
std::vector<TensorType> infer(const Reshape&, Types in);
std::vector<TensorType> infer(const Flatten&, Types in);
std::vector<TensorType> infer(const Transpose&, Types in);
std::vector<TensorType> infer(const Squeeze&, Types in);
std::vector<TensorType> infer(const Unsqueeze&, Types in);
std::vector<TensorType> infer(const Expand&, Types in);
int64_t macs(const Pad&, Types in, Types out);
int64_t macs(const Slice&, Types in, Types out);
int64_t macs(const Concat&, Types in, Types out);
int64_t macs(const Split&, Types in, Types out);
int64_t macs(const Stack&, Types in, Types out);
int64_t macs(const Reshape&, Types in, Types out);
int64_t macs(const Flatten&, Types in, Types out);
int64_t macs(const Transpose&, Types in, Types out);
int64_t macs(const Squeeze&, Types in, Types out);
int64_t macs(const Unsqueeze&, Types in, Types out);
int64_t macs(const Expand&, Types in, Types out);

}  // namespace rung::ops
