#pragma once

#include <ATen/core/ivalue.h>

#include <nlohmann/json.hpp>

namespace rung::ops {

/// One entry of Opaque::arguments for a value that is not a tensor, such as
/// {"value": [1, 2], "kind": "int[]"}. Kinds: none, bool, int, float, string, device, bool[],
/// int[], float[]. (Types, layouts and memory formats are ints to LibTorch.)
/// A flag that says whether the module trains (`name` is train, training or use_input_stats), false
/// in the evaluation that was traced, becomes {"kind": "training"}: it follows the mode of the run.
/// Throws an unsupported error for any other value.
nlohmann::json opaque_argument(const c10::IValue& value, std::string_view name = {});

/// The reverse, but for "training", which has no value. Throws a user error where the entry is not
/// one.
c10::IValue opaque_value(const nlohmann::json& argument);

}  // namespace rung::ops
