#include "rung/cli/verb_tree.h"

#include <CLI/CLI.hpp>

#include "rung/base/text.h"

namespace rung::cli {

std::vector<const CLI::App*> shown_verbs(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* verb) { return !verb->get_group().empty(); });
}

bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

std::string option_title(const CLI::Option& option) {
  if (option.get_positional()) return option.get_name(true);
  std::vector<std::string> names;
  for (const auto& name : option.get_snames()) names.push_back("-" + name);
  for (const auto& name : option.get_lnames()) names.push_back("--" + name);
  return join(names, ", ");
}

std::string value_name(const CLI::Option& option) {
  return option.get_positional() || !takes_value(option) ? "" : option.get_type_name();
}

Completes completes(const CLI::Option& option) {
  if (option.get_positional()) {
    const std::string name = option.get_name(true);
    if (name == "NAME") return Completes::kNetwork;
    return name == "RECIPE" ? Completes::kFile : Completes::kModel;
  }
  const std::string type = option.get_type_name();
  for (const char* word : {"FILE", "TABLE", "OUT", "WHAT"}) {
    if (type.find(word) != std::string::npos) return Completes::kFile;
  }
  return Completes::kNothing;
}

}  // namespace rung::cli
