#include "rung/blocks/settings.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "rung/base/error.h"
#include "rung/base/text.h"

namespace rung {
namespace {

std::optional<int64_t> whole_number(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

using Parsed = std::optional<std::vector<int64_t>>;

Parsed parse_numbers(const ZooSetting& setting, const std::vector<std::string>& parts) {
  std::vector<int64_t> out;
  for (const std::string& part : parts) {
    const auto number = whole_number(part);
    if (!number || *number < setting.low || *number > setting.high) return std::nullopt;
    out.push_back(*number);
  }
  return out;
}

Parsed parse(const ZooSetting& setting, const std::string& text) {
  switch (setting.kind) {
    case ZooSetting::Kind::kNumber:
      return parse_numbers(setting, {text});
    case ZooSetting::Kind::kSize: {
      auto parts = split(text, 'x');
      if (parts.size() == 1) parts.push_back(parts[0]);
      return parts.size() == 2 ? parse_numbers(setting, parts) : std::nullopt;
    }
    case ZooSetting::Kind::kChoice: {
      const auto& choices = setting.choices;
      // As recipes write a yes.
      const std::string word = text == "true" ? "yes" : text == "false" ? "no" : std::string(text);
      const auto found = std::find(choices.begin(), choices.end(), word);
      if (found == choices.end()) return std::nullopt;
      return std::vector<int64_t>{found - choices.begin()};
    }
  }
  fail_bug("a setting of kind {}", static_cast<int>(setting.kind));
}

}  // namespace

std::string ZooSetting::rule() const {
  switch (kind) {
    case Kind::kNumber:
      return fmt::format("a whole number from {} to {}", low, high);
    case Kind::kSize:
      return fmt::format("a size such as 224 or 225x319 (height x width), each from {} to {}", low,
                         high);
    case Kind::kChoice:
      return "one of " + join(choices, ", ");
  }
  fail_bug("a setting of kind {}", static_cast<int>(kind));
}

ZooValues::ZooValues(const std::string& network, const std::vector<ZooSetting>& settings,
                     const ZooSettings& given) {
  std::vector<std::string> keys;
  for (const ZooSetting& setting : settings) {
    keys.push_back(setting.name);
    const auto entry = given.find(setting.name);
    const std::string& text = entry == given.end() ? setting.value : entry->second;
    const Parsed parsed = parse(setting, text);
    if (!parsed) {
      fail_user("zoo:{}: {} = {} is not {}", network, setting.name, quoted(text), setting.rule());
    }
    values_.emplace(setting.name, *parsed);
  }
  for (const auto& [key, value] : given) {
    if (values_.contains(key)) continue;
    fail_user("zoo:{} has no setting {}; it has {}", network, quoted(key), join(keys, ", "));
  }
}

int64_t ZooValues::number(std::string_view name) const { return values_.find(name)->second.at(0); }

blocks::ImageSize ZooValues::size(std::string_view name) const {
  const auto& numbers = values_.find(name)->second;
  return {.height = numbers.at(0), .width = numbers.at(1)};
}

size_t ZooValues::choice(std::string_view name) const {
  return static_cast<size_t>(values_.find(name)->second.at(0));
}

}  // namespace rung
