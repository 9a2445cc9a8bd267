#include "rung/cli/open_model.h"

#include <algorithm>

#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/base/text.h"
#include "rung/blocks/zoo.h"

namespace rung::cli {
namespace {

constexpr std::string_view kZoo = "zoo:";

bool is_zoo_network(const std::string& name) {
  const auto& networks = zoo_networks();
  return std::any_of(networks.begin(), networks.end(),
                     [&](const ZooNetwork& network) { return network.name == name; });
}

}  // namespace

std::pair<std::string, std::string> parse_assignment(const std::string& text,
                                                     const std::string& option) {
  const auto equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    fail_user("{} {}: the form is {} KEY=VALUE", option, quoted(text), option);
  }
  return {text.substr(0, equals), text.substr(equals + 1)};
}

ZooSettings parse_settings(const std::vector<std::string>& assignments) {
  ZooSettings settings;
  for (const auto& assignment : assignments) {
    auto [key, value] = parse_assignment(assignment, "--set");
    if (!settings.emplace(key, value).second) fail_user("--set gives {} twice", quoted(key));
  }
  return settings;
}

PartialModel open_model_partly(const std::string& text, const ZooSettings& settings) {
  if (text.empty()) fail_user("MODEL is empty; give zoo:NAME or a .rung file");
  if (text.starts_with(kZoo)) {
    return {.model = zoo(text.substr(kZoo.size()), settings), .error = std::nullopt};
  }
  if (!path_exists(text) && is_zoo_network(text)) {
    fail_user("there is no file {}; the built-in network is {}{}", quoted(text), kZoo, text);
  }
  if (!settings.empty()) {
    fail_user("--set {}={}: {} is a file; only built-in networks (zoo:NAME) have settings",
              settings.begin()->first, settings.begin()->second, quoted(text));
  }
  return load_model_partly(text);
}

Model open_model(const std::string& text, const ZooSettings& settings) {
  PartialModel partial = open_model_partly(text, settings);
  if (partial.error) throw *partial.error;
  return std::move(partial.model);
}

}  // namespace rung::cli
