#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace rung {

/// JSON from a stranger: refuses duplicate keys and nesting deeper than 64, which the parser alone
/// would accept. `what` names the text in messages ("the header of weights.safetensors").
/// Throws a user error with the place and the reason.
nlohmann::json parse_json(std::string_view text, std::string_view what);

/// The member `key` of an object; throws a user error where `json` is no object or lacks it.
const nlohmann::json& json_member(const nlohmann::json& json, const char* key,
                                  std::string_view what);

/// A string member; throws a user error where it is absent or of another type.
const std::string& json_string(const nlohmann::json& json, const char* key, std::string_view what);

/// A string member that may be absent (then empty).
std::string json_string_or_empty(const nlohmann::json& json, const char* key,
                                 std::string_view what);

}  // namespace rung
