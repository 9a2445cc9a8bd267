#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "rung/tensor/dtype.h"

namespace rung {

/// Sizes, outermost first. Always known numbers: a graph is planned at example sizes and typed
/// again (`retype`) for others.
using Shape = std::vector<int64_t>;

/// Throws a user error where it exceeds 2^59, so that bytes can be counted too.
int64_t element_count(const Shape& shape);
std::string to_string(const Shape& shape);  ///< "[1, 64, 32, 32]"

/// What an axis means. Each op's rule carries roles along, so that [N, C, L] and [N, T, F] are
/// never confused. kNone: not known, or not one of these (a weight's axes, say).
enum class Role : uint8_t { kNone, kBatch, kChannel, kSpace, kTime, kFeature };
using Roles = std::vector<Role>;

std::string_view name(Role role);            ///< "batch", …; kNone is "?"
Role role_from_name(std::string_view name);  ///< throws a user error listing the names

/// (batch, channel, space, …) of that rank.
Roles map_roles(size_t rank);
/// (batch, time, feature)
Roles sequence_roles();
/// (batch, feature)
Roles vector_roles();
/// By rank alone: 2 vector, 4 and 5 map; rank 3 stays unknown but for the batch.
Roles roles_by_rank(size_t rank);

/// The type of a value: what is known before any data runs.
struct TensorType {
  DType dtype = DType::kF32;
  Shape shape;
  Roles roles;  ///< one per axis

  TensorType() = default;
  TensorType(DType dtype, Shape shape, Roles roles);
  /// Roles all kNone.
  TensorType(DType dtype, Shape shape);

  size_t rank() const { return shape.size(); }
  int64_t elements() const { return element_count(shape); }
  int64_t bytes() const { return elements() * size_of(dtype); }
  bool operator==(const TensorType&) const = default;

  /// The first axis with this role, or the rank where there is none.
  size_t axis_of(Role role) const;
  bool has(Role role) const { return axis_of(role) < rank(); }
  /// All axes with this role, ascending.
  std::vector<size_t> axes_of(Role role) const;
  /// A map: (batch, channel, one or more of space or time).
  bool is_map() const;
  /// (batch, time, feature)
  bool is_sequence() const;
  /// (batch, feature) or (batch, channel)
  bool is_vector() const;
};

/// "f32[N, 128, 28, 28]": a batch axis reads N.
std::string to_string(const TensorType& type);
/// "(batch, channel, space, space)"
std::string roles_text(const TensorType& type);

/// NumPy's broadcasting. Throws a user error with both shapes and the axis.
Shape broadcast(const Shape& a, const Shape& b);

/// A possibly negative axis of a rank, as in PyTorch. Throws a user error where out of range.
size_t resolve_axis(int64_t axis, size_t rank);

}  // namespace rung
