#include "rung/ops/attribute_json.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "rung/base/error.h"
#include "rung/base/text.h"

namespace rung {

using nlohmann::json;

namespace attribute {

void refuse(const json& found, std::string_view expected) {
  std::string shown = found.dump(-1, ' ', false, json::error_handler_t::replace);
  if (shown.size() > 60) shown = shown.substr(0, 57) + "...";
  fail_user("{} is not {}", shown, expected);
}

const json::array_t& list_of(const json& json) {
  if (!json.is_array()) refuse(json, "a list");
  return json.get_ref<const json::array_t&>();
}

size_t index_of(const json& json, std::span<const std::string_view> names) {
  const auto* text = json.get_ptr<const std::string*>();
  const auto found = text ? std::find(names.begin(), names.end(), *text) : names.end();
  if (found == names.end()) refuse(json, fmt::format("one of {}", fmt::join(names, ", ")));
  return static_cast<size_t>(found - names.begin());
}

}  // namespace attribute

namespace {

/// The value of a key that must be there, in an object that must have just these keys.
template <size_t N>
void check_keys(const json& json, const std::array<std::string_view, N>& keys) {
  const std::string expected = fmt::format("an object with the keys {}", fmt::join(keys, ", "));
  if (!json.is_object() || json.size() != N) attribute::refuse(json, expected);
  for (const auto key : keys) {
    if (!json.contains(key)) attribute::refuse(json, expected);
  }
}

constexpr auto kDTypeNames = [] {
  std::array<std::string_view, kDTypes.size()> out;
  for (size_t i = 0; i < out.size(); ++i) out[i] = kDTypes[i].name;
  return out;
}();

/// The whole numbers that a type holds.
std::pair<int64_t, int64_t> range_of(DType dtype) {
  if (dtype == DType::kBool) return {0, 1};
  if (dtype == DType::kU8 || dtype == DType::kU16 || dtype == DType::kU32) {
    return {0, (int64_t{1} << (8 * size_of(dtype))) - 1};
  }
  const int64_t high = std::numeric_limits<int64_t>::max() >> (64 - 8 * size_of(dtype));
  return {-high - 1, high};
}

void read_element(const json& json, Tensor& tensor, int64_t index) {
  if (is_floating(tensor.dtype())) {
    double value = 0;
    read_attribute(json, value);
    return tensor.set(index, value);
  }
  if (tensor.dtype() == DType::kU64) {
    const bool natural = json.is_number_unsigned() || (json.is_number_integer() && json >= 0);
    if (!natural) attribute::refuse(json, "a whole number of 0 to 2^64 - 1");
    return tensor.set_integer(index, static_cast<int64_t>(json.get<uint64_t>()));
  }
  int64_t value = 0;
  read_attribute(json, value);
  const auto [low, high] = range_of(tensor.dtype());
  if (value < low || value > high) {
    fail_user("{} does not fit {}, which holds {} to {}", value, name(tensor.dtype()), low, high);
  }
  tensor.set_integer(index, value);
}

json element_json(const Tensor& tensor, int64_t index) {
  if (is_floating(tensor.dtype())) return attribute_json(tensor.at(index));
  if (tensor.dtype() == DType::kU64) return static_cast<uint64_t>(tensor.integer(index));
  return tensor.integer(index);
}

}  // namespace

json attribute_json(bool value) { return value; }
json attribute_json(int64_t value) { return value; }
json attribute_json(const std::string& value) { return value; }
json attribute_json(DType value) { return name(value); }
json attribute_json(Role value) { return name(value); }

json attribute_json(double value) {
  if (std::isnan(value)) return std::signbit(value) ? "-nan" : "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  return value;
}

json attribute_json(const TensorType& value) {
  return {
      {"dtype", name(value.dtype)}, {"shape", value.shape}, {"roles", attribute_json(value.roles)}};
}

json attribute_json(const Tensor& value) {
  if (!value.defined()) return json();
  auto data = json::array();
  for (int64_t i = 0; i < value.elements(); ++i) data.push_back(element_json(value, i));
  return {{"dtype", name(value.dtype())}, {"shape", value.shape()}, {"data", std::move(data)}};
}

void read_attribute(const json& json, bool& value) {
  if (!json.is_boolean()) attribute::refuse(json, "true or false");
  value = json.get<bool>();
}

void read_attribute(const json& json, int64_t& value) {
  const auto* natural = json.get_ptr<const json::number_unsigned_t*>();
  if (!json.is_number_integer() || (natural && *natural > INT64_MAX)) {
    attribute::refuse(json, "a whole number of 64 bits");
  }
  value = json.get<int64_t>();
}

void read_attribute(const json& json, double& value) {
  if (json.is_number()) {
    value = json.get<double>();
    return;
  }
  static constexpr std::array<std::string_view, 4> kNames = {"inf", "-inf", "nan", "-nan"};
  static constexpr std::array<double, 4> kValues = {
      std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity(),
      std::numeric_limits<double>::quiet_NaN(), -std::numeric_limits<double>::quiet_NaN()};
  const auto* text = json.get_ptr<const std::string*>();
  const auto found = text ? std::find(kNames.begin(), kNames.end(), *text) : kNames.end();
  if (found == kNames.end()) attribute::refuse(json, "a number");
  value = kValues[static_cast<size_t>(found - kNames.begin())];
}

void read_attribute(const json& json, std::string& value) {
  if (!json.is_string()) attribute::refuse(json, "a text");
  value = json.get<std::string>();
}

void read_attribute(const json& json, DType& value) {
  value = kDTypes[attribute::index_of(json, kDTypeNames)].dtype;
}

void read_attribute(const json& json, Role& value) {
  if (!json.is_string()) attribute::refuse(json, "the role of an axis");
  value = role_from_name(json.get_ref<const std::string&>());
}

void read_attribute(const json& json, TensorType& value) {
  check_keys(json, std::array<std::string_view, 3>{"dtype", "shape", "roles"});
  TensorType type;
  read_attribute(json.at("dtype"), type.dtype);
  read_attribute(json.at("shape"), type.shape);
  read_attribute(json.at("roles"), type.roles);
  element_count(type.shape);  // refuses negative and absurd sizes
  if (type.roles.size() != type.shape.size()) {
    fail_user("{} roles for shape {}; there must be one per axis", type.roles.size(),
              to_string(type.shape));
  }
  value = std::move(type);
}

void read_attribute(const json& json, Tensor& value) {
  if (json.is_null()) {
    value = Tensor();
    return;
  }
  check_keys(json, std::array<std::string_view, 3>{"dtype", "shape", "data"});
  DType dtype;
  Shape shape;
  read_attribute(json.at("dtype"), dtype);
  read_attribute(json.at("shape"), shape);
  const auto& data = attribute::list_of(json.at("data"));
  // Compared before anything is allocated, so that a short file cannot ask for all memory.
  if (element_count(shape) != static_cast<int64_t>(data.size())) {
    fail_user("{} values given for shape {}", data.size(), to_string(shape));
  }
  Tensor tensor(dtype, std::move(shape));
  for (size_t i = 0; i < data.size(); ++i) read_element(data[i], tensor, static_cast<int64_t>(i));
  value = std::move(tensor);
}

}  // namespace rung
