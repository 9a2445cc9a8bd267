#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rung/tensor/tensor.h"

/// Attributes of ops as JSON and back, one pair per type that a `fields()` list may hold. Reading
/// throws a user error that says what stands there and what would be right.
///   numbers       exact; what JSON has no number for is "inf", "-inf", "nan" or "-nan"
///   enums         their name in the `names(E{})` table
///   TensorType    {"dtype": "f32", "shape": [1, 3], "roles": ["batch", "feature"]}
///   Tensor        {"dtype": "f32", "shape": [2], "data": [0.5, 1]}; null where undefined
///   optional      null where missing
namespace rung {

nlohmann::json attribute_json(bool value);
nlohmann::json attribute_json(int64_t value);
nlohmann::json attribute_json(double value);
nlohmann::json attribute_json(const std::string& value);
nlohmann::json attribute_json(DType value);
nlohmann::json attribute_json(Role value);
nlohmann::json attribute_json(const TensorType& value);
nlohmann::json attribute_json(const Tensor& value);

void read_attribute(const nlohmann::json& json, bool& value);
void read_attribute(const nlohmann::json& json, int64_t& value);
void read_attribute(const nlohmann::json& json, double& value);
void read_attribute(const nlohmann::json& json, std::string& value);
void read_attribute(const nlohmann::json& json, DType& value);
void read_attribute(const nlohmann::json& json, Role& value);
void read_attribute(const nlohmann::json& json, TensorType& value);
void read_attribute(const nlohmann::json& json, Tensor& value);

namespace attribute {
/// Throws: what stands there, cut to a readable length, is not `expected`.
[[noreturn]] void refuse(const nlohmann::json& found, std::string_view expected);
/// The entries of a JSON list. Throws where it is not one.
const nlohmann::json::array_t& list_of(const nlohmann::json& json);
/// The place of a JSON string in `names`. Throws with the names where it is not there.
size_t index_of(const nlohmann::json& json, std::span<const std::string_view> names);
}  // namespace attribute

template <typename E>
requires std::is_enum_v<E> nlohmann::json attribute_json(E value) {
  return names(value)[static_cast<size_t>(value)];
}
template <typename E>
requires std::is_enum_v<E>
void read_attribute(const nlohmann::json& json, E& value) {
  value = static_cast<E>(attribute::index_of(json, names(E{})));
}

template <typename T>
nlohmann::json attribute_json(const std::vector<T>& values) {
  auto out = nlohmann::json::array();
  for (const T& value : values) out.push_back(attribute_json(value));
  return out;
}
template <typename T>
void read_attribute(const nlohmann::json& json, std::vector<T>& values) {
  values.clear();
  for (const auto& entry : attribute::list_of(json)) read_attribute(entry, values.emplace_back());
}

template <typename T>
nlohmann::json attribute_json(const std::optional<T>& value) {
  return value ? attribute_json(*value) : nlohmann::json();
}
template <typename T>
void read_attribute(const nlohmann::json& json, std::optional<T>& value) {
  if (json.is_null()) {
    value.reset();
  } else {
    read_attribute(json, value.emplace());
  }
}

}  // namespace rung
