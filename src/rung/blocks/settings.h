#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "rung/blocks/conv.h"

namespace rung {

/// Settings of a network as a user writes them: {"classes", "10"}.
using ZooSettings = std::map<std::string, std::string, std::less<>>;

/// One setting that a built-in network takes.
struct ZooSetting {
  enum class Kind {
    kNumber,  ///< a whole number in [low, high]
    kChoice,  ///< one of `choices`
    kSize,    ///< "224" or "225x319" (height x width), both in [low, high]
  };
  Kind kind = Kind::kNumber;
  std::string name;
  std::string doc;
  std::string value;  ///< the default, as text
  int64_t low = 0;
  int64_t high = 0;
  std::vector<std::string> choices = {};

  /// What it accepts: "a whole number from 1 to 100000", "one of add, concat, none", …
  std::string rule() const;
};

/// The values of all settings of one network: what the user gave, checked, and defaults.
class ZooValues {
 public:
  /// Throws a user error: a key that is no setting (lists those that are), or a value that breaks
  /// its setting's rule.
  ZooValues(const std::string& network, const std::vector<ZooSetting>& settings,
            const ZooSettings& given);

  int64_t number(std::string_view name) const;
  blocks::ImageSize size(std::string_view name) const;
  /// The place of the chosen word in the setting's `choices`.
  size_t choice(std::string_view name) const;

 private:
  /// Numbers as one entry, sizes as two, choices as their index.
  std::map<std::string, std::vector<int64_t>, std::less<>> values_;
};

}  // namespace rung
