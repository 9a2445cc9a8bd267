#pragma once

#include <c10/core/ScalarType.h>

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "rung/tensor/tensor_type.h"

namespace rung::pt2 {

// Readers of the JSON of exported programs. All throw a user error that begins with `what`.

/// Whether an object has a member that is not null.
bool is_set(const nlohmann::json& object, std::string_view name);
const nlohmann::json& field(const nlohmann::json& object, std::string_view name,
                            std::string_view what);
std::string text(const nlohmann::json& object, std::string_view name, std::string_view what);
int64_t whole(const nlohmann::json& value, const std::string& what);

/// The member of a tagged union, such as {"as_int": 3}: older PyTorch writes all, and all but one
/// as null.
std::pair<std::string, const nlohmann::json*> member(const nlohmann::json& tagged,
                                                     const std::string& what);

/// PyTorch's numbers for types, from 1.
c10::ScalarType scalar_type(const nlohmann::json& value, const std::string& what);
/// A list of {"as_int": 3}.
Shape fixed_sizes(const nlohmann::json& value, const std::string& what);

}  // namespace rung::pt2
