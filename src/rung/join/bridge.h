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
/// sequence of either kind or a vector); sizes of space and time are left to whoever aligns them.
/// Tokens become a map on the grid of `like`, a map value; without one they cannot. A map becomes
/// tokens on the grid of `like`, where that is a sequence. A class token in front of the places is
/// left out. Where the source's axes are not known, it becomes one vector per sample first: the
/// mean, or the maximum, over all axes but the batch and `feature_axis`.
Value bridge(SkipWriter& writer, Value source, const TensorType& like_type,
             std::optional<Value> like);

/// Where the features of a value are whose axes are not known: its channels, else the last axis of
/// which nothing is known and whose size follows no input, else the last whose size follows none.
/// The rank where there is none: the value has one number per sample then.
size_t feature_axis(Builder& builder, Value value);

/// Lays a vector [N, F] out as a value whose axes are not known: the features along that axis (the
/// rank: F is 1), each sample's over all that belongs to the sample. Refuses where no axis holds
/// the batch.
Value spread(SkipWriter& writer, Value vector, Value target, size_t features);

}  // namespace rung
