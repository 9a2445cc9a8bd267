#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rung {

/// An op as it is written: `Conv(stride=[2, 2], groups=4)`. Values are those of JSON, but texts
/// that cannot be mistaken for anything else need no quotes.
struct OpText {
  std::string name;
  std::vector<std::pair<std::string, nlohmann::json>> attributes;
};

std::string write_op_text(const OpText& op);

/// Throws a user error that shows the place where the text cannot be read on.
OpText read_op_text(std::string_view text);

}  // namespace rung
