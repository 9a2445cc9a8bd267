#pragma once

#include <optional>

#include "rung/join/adapt.h"

namespace rung {

/// The layouts that a skip can connect.
enum class Form {
  kMap,       ///< [N, C, S…]
  kSequence,  ///< [N, T, F]
  kVector,    ///< [N, F]
  kState,     ///< a recurrent layer's last state, [layers, N, F]
  kOther,
};
Form form_of(const TensorType& type);
std::string_view name(Form form);

/// Turns `source` into the layout of `like_type` (a map with as many space axes, a sequence or a
/// vector); sizes of space and time are left to whoever aligns them. Tokens become a map on the
/// grid of `like`, a map value; without one they cannot. A map becomes tokens on the grid of
/// `like`, where that is a sequence. A class token in front of the places is left out.
Value bridge(SkipWriter& writer, Value source, const TensorType& like_type,
             std::optional<Value> like);

}  // namespace rung
