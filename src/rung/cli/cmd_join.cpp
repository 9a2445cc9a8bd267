#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/cli/open_model.h"
#include "rung/cli/verbs.h"
#include "rung/join/plan.h"

namespace rung::cli {
namespace {

struct JoinOptions {
  std::vector<std::string> models;
  std::vector<std::string> skips;
  std::vector<std::string> wires;
  std::vector<std::string> taps;
  std::vector<std::string> keep;
  std::vector<std::string> settings;
  std::optional<std::string> output;
  bool explain = false;
  uint64_t seed = 0;
};

bool is_name(std::string_view text) {
  return !text.empty() && text.find_first_of("/:.\\ ") == std::string_view::npos;
}

// a, b, …, z, a1, b1, …
std::string letter(size_t index) {
  const std::string name(1, static_cast<char>('a' + index % 26));
  return index < 26 ? name : name + std::to_string(index / 26);
}

// One network of the command line: what it is called in the join, and what it is.
struct NamedModel {
  std::string name;
  std::string model;
};

std::vector<NamedModel> parse_models(const std::vector<std::string>& arguments) {
  std::vector<NamedModel> models;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& text = arguments[i];
    const auto equals = text.find('=');
    if (equals != std::string::npos && is_name(std::string_view(text).substr(0, equals))) {
      models.push_back({text.substr(0, equals), text.substr(equals + 1)});
    } else {
      models.push_back({arguments.size() == 1 ? "" : letter(i), text});
    }
    for (size_t j = 0; j < i; ++j) {
      if (models[j].name == models[i].name) {
        fail_user("two networks are named {}; write NAME=MODEL to name them apart",
                  quoted(models[i].name));
      }
    }
  }
  return models;
}

// "b.classes=10" sets classes of network b; without a name it is meant for the only network.
ZooSettings settings_for(const NamedModel& model, const std::vector<NamedModel>& all,
                         const std::vector<std::string>& assignments) {
  std::vector<std::string> own;
  for (const auto& assignment : assignments) {
    const std::string key = parse_assignment(assignment, "--set").first;
    const auto dot = key.find('.');
    if (dot == std::string::npos && all.size() > 1) {
      fail_user("--set {}: with several networks, write --set {}.{} for network {}",
                quoted(assignment), all.front().name, assignment, quoted(all.front().name));
    }
    if (dot == std::string::npos) {
      own.push_back(assignment);
    } else if (key.substr(0, dot) == model.name) {
      own.push_back(assignment.substr(dot + 1));
    } else if (std::none_of(all.begin(), all.end(), [&](const NamedModel& other) {
                 return other.name == key.substr(0, dot);
               })) {
      std::vector<std::string> names;
      for (const auto& other : all) names.push_back(other.name);
      fail_user("--set {}: no network is named {}; their names are {}", quoted(assignment),
                quoted(key.substr(0, dot)), join(names, ", "));
    }
  }
  return parse_settings(own);
}

void check_output(const JoinOptions& options) {
  if (!options.output && !options.explain) {
    fail_user("nothing to do: give -o OUT.rung, --explain, or both");
  }
  if (options.output && std::filesystem::path(*options.output).extension() != ".rung") {
    fail_user("-o {}: a joined network is written as a .rung file", quoted(*options.output));
  }
}

void run_join(const JoinOptions& options) {
  check_output(options);
  JoinSpec spec;
  const auto models = parse_models(options.models);
  for (const auto& model : models) {
    const auto settings = settings_for(model, models, options.settings);
    spec.models.push_back(open_model(model.model, settings).named(model.name));
  }
  for (const auto& text : options.wires) spec.wires.push_back(parse_wire(text));
  for (const auto& text : options.skips) spec.skips.push_back(parse_skip(text));
  spec.extra_outputs = options.taps;
  spec.outputs = options.keep;
  const JoinPlan planned = plan(spec);
  if (options.explain) std::fputs(planned.explain().c_str(), stdout);
  if (!options.output) return;
  Model joined = planned.apply();
  draw_missing(joined, options.seed);
  save_model(joined, *options.output);
  std::printf("wrote %s: networks %zu, skips %zu\n", options.output->c_str(), models.size(),
              joined.graph.skips().size());
}

}  // namespace

void add_join(CLI::App& app) {
  auto* verb =
      app.add_subcommand("join", "Joins networks by skip connections between their layers");
  const auto options = std::make_shared<JoinOptions>();
  const auto list = [verb](const char* name, std::vector<std::string>& into, const char* what,
                           const char* form) {
    verb->add_option(name, into, what)->type_name(form)->allow_extra_args(false);
  };
  verb->add_option("MODEL", options->models,
                   "zoo:NAME or a .rung file, with NAME= in front to name it in the join; "
                   "several are otherwise called a, b, c, …, and a single one keeps its own names")
      ->required();
  list("--skip", options->skips, "A skip connection", "'FROM -> TO [: MERGE] [, KEY=VALUE …]'");
  list("--wire", options->wires, "Feeds an input of a network from a tap", "'FROM -> INPUT'");
  list("--tap", options->taps, "Returns this tap as an output of its own", "NAME");
  list("--keep", options->keep, "Keeps only the outputs named so", "OUTPUT");
  list("--set", options->settings, "A setting of a built-in network", "[NETWORK.]KEY=VALUE");
  verb->add_option("-o,--output", options->output, "The file to write")->type_name("OUT.rung");
  verb->add_flag("--explain", options->explain, "Prints the plan: what is inserted where, and why");
  add_seed(*verb, options->seed, "Draws the weights that the networks lack");
  verb->footer(
      "Examples:\n"
      "  rung join zoo:resnet18 --skip 'layer1 -> layer3 : add, start=identity' --explain\n"
      "  rung join enc=zoo:resnet18 dec=zoo:decoder --wire 'enc/layer4 -> dec/input' \\\n"
      "            --skip 'enc/layer3 -> dec/up1 : concat' -o unet.rung --explain\n"
      "  rung join zoo:resnet18 zoo:resnet18 --set b.classes=10 \\\n"
      "            --skip 'a/layer2 -> b/layer2 : concat' -o pair.rung");
  verb->callback([options] { run_join(*options); });
}

}  // namespace rung::cli
