#include "rung/io/toml.h"

#include <toml++/toml.h>
#include <algorithm>
#include <charconv>
#include <climits>
#include <cmath>

#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/base/text.h"

namespace rung {
namespace {

using Json = nlohmann::json;

std::string child(const std::string& path, const std::string& key) {
  return path.empty() ? key : path + "." + key;
}

/// `document` collects the lines; null: they do not matter.
Json to_json(const toml::node& node, const std::string& path, TomlDocument* document) {
  if (document != nullptr) {
    document->lines[path] = static_cast<int>(node.source().begin.line);
    document->columns[path] = static_cast<int>(node.source().begin.column);
  }
  if (const auto* table = node.as_table()) {
    Json out = Json::object();
    for (const auto& [key, value] : *table) {
      const std::string name(key.str());
      out[name] = to_json(value, child(path, name), document);
    }
    return out;
  }
  if (const auto* array = node.as_array()) {
    Json out = Json::array();
    for (const auto& value : *array) {
      out.push_back(to_json(value, child(path, std::to_string(out.size())), document));
    }
    return out;
  }
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* whole = node.as_integer()) return whole->get();
  if (const auto* real = node.as_floating_point()) return real->get();
  if (const auto* boolean = node.as_boolean()) return boolean->get();
  fail_user("{}: dates and times have no use here", path);
}

Json parse_value(const std::string& text) {
  try {
    const toml::table table = toml::parse("value = " + text);
    if (table.size() == 1) return to_json(*table.get("value"), "value", nullptr);
  } catch (const toml::parse_error&) {
    // Text without quotes, as a shell leaves it.
  }
  return text;
}

std::optional<size_t> index_of(const std::string& text) {
  size_t index = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), index);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size()) return std::nullopt;
  return index;
}

}  // namespace

TomlDocument load_toml(const std::filesystem::path& path) {
  TomlDocument document{.file = path.string()};
  const std::string text = read_file(path);
  try {
    const toml::table table = toml::parse(text);
    document.root = to_json(table, "", &document);
  } catch (const toml::parse_error& error) {
    fail_user("{}:{}: {}", document.file, static_cast<int>(error.source().begin.line),
              error.description());
  }
  return document;
}

void set_toml_key(TomlDocument& document, const std::string& key, const std::string& value) {
  Json* at = &document.root;
  const auto parts = split(key, '.');
  for (size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].empty()) fail_user("--set {}: an empty part in the key", quoted(key));
    if (at->is_array()) {
      const auto index = index_of(parts[i]);
      if (!index || *index >= at->size()) {
        fail_user("--set {}: {} is none of the {} entries, which are counted from 0", quoted(key),
                  quoted(parts[i]), at->size());
      }
      at = &(*at)[*index];
    } else if (at->is_object() || at->is_null()) {
      at = &(*at)[parts[i]];
    } else {
      fail_user("--set {}: there is no table in front of {}", quoted(key), quoted(parts[i]));
    }
  }
  *at = parse_value(value);
  document.lines.erase(key);
}

std::string TomlReader::path(const std::string& key) const {
  return key.empty() ? path_ : child(path_, key);
}

std::string TomlReader::where(const std::string& key) const {
  const std::string full = path(key);
  const auto line = document_->lines.find(full);
  // A key without a line of its own came from outside.
  const std::string place = line != document_->lines.end() && line->second > 0
                                ? fmt::format("{}:{}", document_->file, line->second)
                                : document_->file;
  return full.empty() ? place : fmt::format("{}: {}", place, full);
}

const Json* TomlReader::find(const std::string& key) {
  known_.insert(key);
  const auto found = value_->find(key);
  return found == value_->end() ? nullptr : &*found;
}

void TomlReader::fail_type(const std::string& key, const char* wanted) const {
  const Json& value = value_->at(key);
  // JSON has no word for these.
  const bool finite = !value.is_number_float() || std::isfinite(value.get<double>());
  fail_user("{} must be {}, and it is {}", where(key), wanted,
            finite ? value.dump() : "infinite or no number (nan)");
}

bool TomlReader::has(const std::string& key) { return find(key) != nullptr; }

bool TomlReader::is_table(const std::string& key) {
  const Json* value = find(key);
  return value != nullptr && value->is_object();
}

bool TomlReader::is_integer(const std::string& key) {
  const Json* value = find(key);
  return value != nullptr && value->is_number_integer();
}

std::optional<std::string> TomlReader::text(const std::string& key) {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) fail_type(key, "a text");
  return value->get<std::string>();
}

std::optional<double> TomlReader::number(const std::string& key) {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number() || !std::isfinite(value->get<double>())) fail_type(key, "a number");
  return value->get<double>();
}

std::optional<int64_t> TomlReader::integer(const std::string& key) {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number_integer()) fail_type(key, "a whole number");
  return value->get<int64_t>();
}

std::optional<bool> TomlReader::boolean(const std::string& key) {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean()) fail_type(key, "true or false");
  return value->get<bool>();
}

template <typename T>
std::optional<std::vector<T>> TomlReader::list(const std::string& key, const char* wanted,
                                               bool (Json::*is)() const) {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_array()) fail_type(key, wanted);
  std::vector<T> out;
  for (const Json& entry : *value) {
    if (!(entry.*is)()) fail_type(key, wanted);
    out.push_back(entry.get<T>());
  }
  return out;
}

std::optional<std::vector<int64_t>> TomlReader::integers(const std::string& key) {
  return list<int64_t>(key, "a list of whole numbers", &Json::is_number_integer);
}

std::optional<std::vector<double>> TomlReader::numbers(const std::string& key) {
  return list<double>(key, "a list of numbers", &Json::is_number);
}

std::optional<std::vector<std::string>> TomlReader::texts(const std::string& key) {
  return list<std::string>(key, "a list of texts", &Json::is_string);
}

std::optional<TomlReader> TomlReader::table(const std::string& key) {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_object()) fail_type(key, "a table");
  return TomlReader(*document_, *value, path(key));
}

std::vector<TomlReader> TomlReader::tables(const std::string& key) {
  const Json* value = find(key);
  if (value == nullptr) return {};
  if (!value->is_array()) fail_type(key, "a list of tables, each under [[…]]");
  std::vector<TomlReader> out;
  for (const Json& entry : *value) {
    if (!entry.is_object()) fail_type(key, "a list of tables, each under [[…]]");
    out.push_back(TomlReader(*document_, entry, path(key) + "." + std::to_string(out.size())));
  }
  return out;
}

std::vector<std::string> TomlReader::keys_in_order() const {
  const auto place = [&](const std::string& key) {
    const auto line = document_->lines.find(path(key));
    const auto column = document_->columns.find(path(key));
    const bool known = line != document_->lines.end() && column != document_->columns.end();
    return known ? std::pair(line->second, column->second) : std::pair(INT_MAX, 0);
  };
  auto out = keys();
  std::stable_sort(out.begin(), out.end(),
                   [&](const auto& a, const auto& b) { return place(a) < place(b); });
  return out;
}

std::vector<std::string> TomlReader::keys() const {
  std::vector<std::string> out;
  for (const auto& [key, unused] : value_->items()) out.push_back(key);
  return out;
}

std::optional<std::string> TomlReader::scalar(const std::string& key) {
  const Json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) return value->get<std::string>();
  if (!value->is_number() && !value->is_boolean()) fail_type(key, "a text, a number or true/false");
  return value->dump();
}

void TomlReader::read(const std::string& key, double& target, double low, double high) {
  const auto value = number(key);
  if (!value) return;
  if (*value < low || *value > high) {
    fail_user("{} is {}; it is a number from {} to {}", where(key), *value, low, high);
  }
  target = *value;
}

void TomlReader::read(const std::string& key, int64_t& target, int64_t low, int64_t high) {
  const auto value = integer(key);
  if (!value) return;
  if (*value < low || *value > high) {
    fail_user("{} is {}; it is a whole number from {} to {}", where(key), *value, low, high);
  }
  target = *value;
}

void TomlReader::read(const std::string& key, bool& target) {
  if (const auto value = boolean(key)) target = *value;
}

void TomlReader::read(const std::string& key, std::string& target) {
  if (auto value = text(key)) target = std::move(*value);
}

void TomlReader::finish() const {
  for (const auto& [key, unused] : value_->items()) {
    if (known_.contains(key)) continue;
    const std::vector<std::string> valid(known_.begin(), known_.end());
    const auto close = nearest(key, valid, 1);
    fail_user("{}: there is no such key{}; the keys here are {}", where(key),
              close.empty() ? "" : fmt::format(", did you mean {}?", close.front()),
              join(valid, ", "));
  }
}

}  // namespace rung
