#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "rung/base/error.h"
#include "rung/base/table.h"
#include "rung/base/text.h"
#include "rung/blocks/zoo.h"
#include "rung/cli/verbs.h"
#include "rung/inspect/summary.h"

namespace rung::cli {
namespace {

struct ModelsOptions {
  std::string name;
  bool taps = false;
};

std::string settings_text(const ZooNetwork& network) {
  TextTable table({{"setting"}, {"default"}, {"accepts"}, {"what it is"}});
  for (const auto& setting : network.settings) {
    table.add({setting.name, setting.value, setting.rule(), setting.doc});
  }
  return table.text();
}

std::string overview() {
  TextTable table({{"network"}, {"what it is"}, {"settings"}});
  for (const auto& network : zoo_networks()) {
    std::vector<std::string> settings;
    for (const auto& setting : network.settings) {
      settings.push_back(setting.name + "=" + setting.value);
    }
    table.add({"zoo:" + network.name, network.doc, join(settings, " ")});
  }
  return table.text();
}

std::string details(const ZooNetwork& network, bool taps) {
  std::string out = fmt::format("zoo:{}  {}\n\n", network.name, network.doc);
  if (!network.settings.empty()) out += settings_text(network) + "\n";
  if (taps) out += taps_text(zoo(network.name).graph, "*") + "\n";
  return out;
}

void models(const ModelsOptions& options) {
  if (options.name.empty() && !options.taps) {
    std::fputs(overview().c_str(), stdout);
    return;
  }
  const std::string name = options.name.starts_with("zoo:") ? options.name.substr(4) : options.name;
  std::vector<std::string> names;
  bool found = false;
  for (const auto& network : zoo_networks()) {
    names.push_back(network.name);
    if (!name.empty() && network.name != name) continue;
    found = true;
    std::fputs(details(network, options.taps).c_str(), stdout);
  }
  if (!found) {
    fail_user("unknown network {}; the nearest are {}", quoted(name),
              join(nearest(name, names), ", "));
  }
}

}  // namespace

void add_models(CLI::App& app) {
  auto* verb = app.add_subcommand("models", "Lists the built-in networks, their settings and taps");
  const auto options = std::make_shared<ModelsOptions>();
  verb->add_option("NAME", options->name, "Only this network, in detail");
  verb->add_flag("--taps", options->taps, "The taps of each network, at its default settings");
  verb->footer(
      "Examples:\n"
      "  rung models\n"
      "  rung models resnet18 --taps");
  verb->callback([options] { models(*options); });
}

}  // namespace rung::cli
