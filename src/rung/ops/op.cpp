#include "rung/ops/op.h"

#include <fmt/ranges.h>

#include <map>
#include <nlohmann/json.hpp>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/ops/attribute_json.h"
#include "rung/ops/op_text.h"

namespace rung {

using nlohmann::json;

namespace {

/// The ops that are named after their function, which is their first attribute.
template <typename T>
struct FunctionName {
  static constexpr bool kUsed = false;
};
template <>
struct FunctionName<ops::Unary> {
  static constexpr bool kUsed = true;
  static constexpr std::string_view kPrefix = "", kSuffix = "";
};
template <>
struct FunctionName<ops::Binary> : FunctionName<ops::Unary> {};
template <>
struct FunctionName<ops::Recurrent> : FunctionName<ops::Unary> {};
template <>
struct FunctionName<ops::Reduce> : FunctionName<ops::Unary> {};
template <>
struct FunctionName<ops::Pool> {
  static constexpr bool kUsed = true;
  static constexpr std::string_view kPrefix = "", kSuffix = "_pool";
};
template <>
struct FunctionName<ops::AdaptivePool> {
  static constexpr bool kUsed = true;
  static constexpr std::string_view kPrefix = "adaptive_", kSuffix = "_pool";
};

/// The attribute that holds the function.
template <typename T>
auto& function_of(T& op) {
  return op.*(std::get<0>(std::remove_const_t<T>::fields()).member);
}

template <typename T>
std::vector<std::string> make_names() {
  if constexpr (FunctionName<T>::kUsed) {
    T op;
    std::vector<std::string> out;
    for (const auto name : names(function_of(op))) {
      out.push_back(
          fmt::format("{}{}{}", FunctionName<T>::kPrefix, name, FunctionName<T>::kSuffix));
    }
    return out;
  } else {
    return {std::string(T::kName)};
  }
}

/// The names of one alternative: one per function, or only its own.
template <typename T>
const std::vector<std::string>& names_of() {
  static const std::vector<std::string> all = make_names<T>();
  return all;
}

/// An op with default attributes for each name, in the order of the list.
struct Entry {
  std::string name;
  Op op;
};
template <size_t I = 0>
void append_entries(std::vector<Entry>& out) {
  if constexpr (I < std::variant_size_v<Op>) {
    using T = std::variant_alternative_t<I, Op>;
    for (size_t i = 0; i < names_of<T>().size(); ++i) {
      T op;
      if constexpr (FunctionName<T>::kUsed) {
        auto& function = function_of(op);
        function = static_cast<std::remove_reference_t<decltype(function)>>(i);
      }
      out.push_back({names_of<T>()[i], op});
    }
    append_entries<I + 1>(out);
  }
}
const std::vector<Entry>& entries() {
  static const auto all = [] {
    std::vector<Entry> out;
    append_entries(out);
    return out;
  }();
  return all;
}

Op default_op(const std::string& name) {
  static const auto by_name = [] {
    std::map<std::string_view, const Op*> out;
    for (const auto& entry : entries()) out.emplace(entry.name, &entry.op);
    return out;
  }();
  const auto found = by_name.find(name);
  if (found == by_name.end()) {
    const auto all = op_names();
    fail_user("unknown op {}; the nearest are {}\n  the ops are {}", rung::quoted(name),
              fmt::join(nearest(name, all), ", "), fmt::join(all, ", "));
  }
  return *found->second;
}

/// Calls `visit` with each attribute that is not already said by the op's name.
template <typename T, typename Visit>
void for_each_attribute(const Visit& visit) {
  std::apply(
      [&](const auto&... field) {
        size_t index = FunctionName<T>::kUsed ? 0 : 1;
        ((index++ == 0 ? void() : visit(field)), ...);
      },
      T::fields());
}

template <typename T>
OpText text_of(const T& op) {
  const T defaults;
  OpText out{std::string(op_name(op)), {}};
  for_each_attribute<T>([&](const auto& field) {
    auto value = attribute_json(op.*field.member);
    // As text, because -0 equals 0 and NaN does not equal itself.
    if (value.dump(-1, ' ', false, json::error_handler_t::replace) !=
        attribute_json(defaults.*field.member).dump()) {
      out.attributes.emplace_back(field.name, std::move(value));
    }
  });
  return out;
}

template <typename T>
void set_attribute(T& op, const std::string& name, const json& value) {
  bool known = false;
  std::vector<std::string_view> valid;
  for_each_attribute<T>([&](const auto& field) {
    valid.push_back(field.name);
    if (field.name != name) return;
    known = true;
    try {
      read_attribute(value, op.*field.member);
    } catch (const Error& error) {
      fail_user("attribute {} of {}: {}", field.name, op_name(op), error.what());
    }
  });
  if (known) return;
  if (valid.empty()) {
    fail_user("{} has no attribute {}; it has none at all", op_name(op), rung::quoted(name));
  }
  fail_user("{} has no attribute {}; its attributes are {}", op_name(op), rung::quoted(name),
            fmt::join(valid, ", "));
}

Op op_from_text(const OpText& text) {
  Op op = default_op(text.name);
  std::visit(
      [&](auto& typed) {
        for (const auto& [name, value] : text.attributes) set_attribute(typed, name, value);
      },
      op);
  return op;
}

}  // namespace

std::string_view op_name(const Op& op) {
  return std::visit(
      []<typename T>(const T& typed) -> std::string_view {
        if constexpr (FunctionName<T>::kUsed) {
          return names_of<T>().at(static_cast<size_t>(function_of(typed)));
        } else {
          return T::kName;
        }
      },
      op);
}

std::vector<TensorType> infer(const Op& op, ops::Types in) {
  return std::visit([&](const auto& typed) { return ops::infer(typed, in); }, op);
}

bool reads_only_sizes(const Op& op, size_t input) {
  return std::visit(
      [input]<typename T>(const T&) {
        if constexpr (requires { T::kReadsSizesOf; }) return input == T::kReadsSizesOf;
        return false;
      },
      op);
}

int64_t macs(const Op& op, ops::Types in, ops::Types out) {
  return std::visit([&](const auto& typed) { return ops::macs(typed, in, out); }, op);
}

std::string to_string(const Op& op) {
  return write_op_text(std::visit([](const auto& typed) { return text_of(typed); }, op));
}

Op parse_op(std::string_view text) { return op_from_text(read_op_text(text)); }

json to_json(const Op& op) {
  auto text = std::visit([](const auto& typed) { return text_of(typed); }, op);
  json out = {{"op", text.name}};
  for (auto& [name, value] : text.attributes) out[name] = std::move(value);
  return out;
}

Op op_from_json(const json& json) {
  if (!json.is_object() || !json.contains("op") || !json.at("op").is_string()) {
    attribute::refuse(json, R"(an op, such as {"op": "Conv", "stride": [2, 2]})");
  }
  OpText text{json.at("op").get<std::string>(), {}};
  for (const auto& [key, value] : json.items()) {
    if (key != "op") text.attributes.emplace_back(key, value);
  }
  return op_from_text(text);
}

std::vector<std::string> op_names() {
  std::vector<std::string> out;
  for (const auto& entry : entries()) out.push_back(entry.name);
  return out;
}

}  // namespace rung
