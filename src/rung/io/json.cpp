#include "rung/io/json.h"

#include <set>
#include <vector>

#include "rung/base/error.h"
#include "rung/base/text.h"

namespace rung {
namespace {

constexpr int kMaxDepth = 64;

// "[json.exception.parse_error.101] parse error at line 1, column 5: …" without its number.
std::string_view reason_of(const nlohmann::json::exception& error) {
  const std::string_view text = error.what();
  const auto end = text.find("] ");
  return end == std::string_view::npos ? text : text.substr(end + 2);
}

}  // namespace

nlohmann::json parse_json(std::string_view text, std::string_view what) {
  using json = nlohmann::json;
  std::vector<std::set<std::string>> keys;
  const auto check = [&](int depth, json::parse_event_t event, json& parsed) {
    if (depth > kMaxDepth) {
      fail_user("{} is not valid: JSON nested deeper than {} levels", what, kMaxDepth);
    }
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end) keys.pop_back();
    if (event == json::parse_event_t::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      if (!keys.back().insert(key).second) {
        fail_user("{} is not valid: the name {} stands twice", what, quoted(key));
      }
    }
    return true;
  };
  try {
    return json::parse(text.begin(), text.end(), check);
  } catch (const json::exception& error) {
    fail_user("{} is not valid JSON: {}", what, reason_of(error));
  }
}

const nlohmann::json& json_member(const nlohmann::json& json, const char* key,
                                  std::string_view what) {
  if (!json.is_object()) fail_user("{} must be a JSON object, not {}", what, json.type_name());
  const auto found = json.find(key);
  if (found == json.end()) fail_user("{} lacks \"{}\"", what, key);
  return *found;
}

const std::string& json_string(const nlohmann::json& json, const char* key, std::string_view what) {
  const auto& member = json_member(json, key, what);
  if (!member.is_string()) {
    fail_user("\"{}\" of {} must be a string, not {}", key, what, member.type_name());
  }
  return member.get_ref<const std::string&>();
}

std::string json_string_or_empty(const nlohmann::json& json, const char* key,
                                 std::string_view what) {
  return json.contains(key) ? json_string(json, key, what) : std::string();
}

}  // namespace rung
