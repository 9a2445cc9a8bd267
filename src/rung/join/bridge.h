#pragma once

#include <optional>

#include "rung/join/adapt.h"

namespace rung {

/// The layouts that a skip can connect.
enum class Form {
  kMap,        ///< [N, C, S…]
  kMapLast,    ///< [N, S…, C]
  kSequence,   ///< [N, T, F]
  kTimeFirst,  ///< [T, N, F]
  kVector,     ///< [N, F]
  kState,      ///< a recurrent layer's last state, [layers, N, F]
  kOther,      ///< not known: windows, attention heads, numbers
};
/// By the axis roles alone.
Form form_of(const TensorType& type);
/// The same, but kOther where what is called a batch holds other axes too (windows).
Form form_of(Builder& builder, Value value);
std::string_view name(Form form);

/// Whether two values have equal sizes at every size of the inputs; batches of two networks count
/// as one.
bool alike(Builder& builder, Value a, Value b);

/// Turns `source` into the layout of `like_type` (a map of either kind with as many space axes, a
/// sequence of either kind or a vector); sizes of space and time are left to the alignment.
/// Tokens become a map on the grid of `like`, a map value; without one they cannot. A map becomes
/// tokens on the grid of `like`, where that is a sequence. A class token in front of the places is
/// left out. Where the source's axes are not known, it becomes one vector per sample first: the
/// mean, or the maximum, over all axes but the batch and the features (`pooled`).
Value bridge(SkipWriter& writer, Value source, const TensorType& like_type,
             std::optional<Value> like);

}  // namespace rung
