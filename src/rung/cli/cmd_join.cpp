#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/cli/model_arguments.h"
#include "rung/cli/verbs.h"
#include "rung/cli/write_model.h"
#include "rung/join/plan.h"

namespace rung::cli {
namespace {

struct JoinOptions {
  std::vector<std::string> models;
  std::vector<std::string> skips;
  std::vector<std::string> wires;
  std::vector<std::string> taps;
  std::vector<std::string> keep;
  ModelOptions opening;
  OutputOptions output;
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

void check_output(const JoinOptions& options) {
  if (!options.output.file && !options.explain) {
    fail_user("nothing to do: give -o OUT.rung or OUT.onnx, --explain, or both");
  }
  check_network_output(options.output, "-o");
}

void run_join(const JoinOptions& options) {
  check_output(options);
  JoinSpec spec;
  const auto models = parse_models(options.models);
  for (const auto& model : models) {
    const auto opening = options_for(model, models, options.opening);
    spec.models.push_back(open_model(model.model, opening).named(model.name));
  }
  for (const auto& text : options.wires) spec.wires.push_back(parse_wire(text));
  for (const auto& text : options.skips) spec.skips.push_back(parse_skip(text));
  spec.extra_outputs = options.taps;
  spec.outputs = options.keep;
  const JoinPlan planned = plan(spec);
  if (options.explain) std::fputs(planned.explain().c_str(), stdout);
  if (!options.output.file) return;
  if (!options.explain && !planned.left_out().empty()) {
    std::printf("left out: %s (of networks that are wired on; --keep keeps outputs)\n",
                join(planned.left_out(), ", ").c_str());
  }
  Model joined = planned.apply();
  draw_missing(joined, options.seed);
  save_any_model(joined, options.output,
                 fmt::format("networks {}, skips {}", models.size(), joined.graph.skips().size()));
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
  verb->add_option(
          "MODEL", options->models,
          std::string(kModelHelp) +
              ", with NAME= in front to name it in the join; "
              "several are otherwise called a, b, c, …, and a single one keeps its own names")
      ->required();
  list("--skip", options->skips, "A skip connection", "'FROM -> TO [: MERGE] [, KEY=VALUE …]'");
  list("--wire", options->wires, "Feeds an input of a network from a tap", "'FROM -> INPUT'");
  list("--tap", options->taps, "Returns this tap as an output of its own", "NAME");
  list("--keep", options->keep, "Keeps only the outputs named so", "OUTPUT");
  add_model_options(*verb, options->opening, true);
  add_output_options(*verb, options->output);
  verb->add_flag("--explain", options->explain, "Prints the plan: what is inserted where, and why");
  add_seed(*verb, options->seed, "Draws the weights that the networks lack");
  verb->footer(
      "Examples:\n"
      "  rung join zoo:resnet18 --skip 'layer1 -> layer3 : add, start=identity' --explain\n"
      "  rung join enc=zoo:resnet18 dec=zoo:decoder --wire 'enc/layer4 -> dec/input' \\\n"
      "            --skip 'enc/layer3 -> dec/up1 : concat' -o unet.rung --explain\n"
      "  rung join zoo:resnet18 zoo:resnet18 --set b.classes=10 \\\n"
      "            --skip 'a/layer2 -> b/layer2 : concat' -o pair.rung\n"
      "  rung join enc=resnet18.onnx dec=zoo:decoder --wire 'enc/layer4 -> dec/input' -o net.onnx");
  verb->callback([options] { run_join(*options); });
}

}  // namespace rung::cli
