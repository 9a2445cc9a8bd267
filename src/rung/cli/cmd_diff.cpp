#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/cli/model_arguments.h"
#include "rung/cli/program.h"
#include "rung/cli/verbs.h"
#include "rung/inspect/diff.h"
#include "rung/io/state_dict.h"

namespace rung::cli {
namespace {

struct DiffCommand {
  std::string a, b;
  ModelOptions opening;
  DiffOptions tolerance;
  bool json = false;
};

ModelDiff compare(const DiffCommand& command) {
  const bool weights_a = holds_weights_alone(command.a);
  if (weights_a != holds_weights_alone(command.b)) {
    const auto& [bare, network] =
        weights_a ? std::pair(command.a, command.b) : std::pair(command.b, command.a);
    static_cast<void>(open_model(network));  // what is wrong with the file itself comes first
    fail_user(
        "{} holds weights alone, and {} is a network: they cannot be compared\n"
        "  fix     rung convert {} OTHER.rung --weights {}, then compare that",
        quoted(bare), quoted(network), network, bare);
  }
  if (weights_a) {
    return diff(load_state_dict(command.a).tensors, load_state_dict(command.b).tensors,
                command.tolerance);
  }
  const std::vector<NamedModel> both = {{"a", command.a}, {"b", command.b}};
  const Model a = open_model(command.a, options_for(both[0], both, command.opening));
  return diff(a, open_model(command.b, options_for(both[1], both, command.opening)),
              command.tolerance);
}

void run_diff(const DiffCommand& command) {
  for (const double tolerance : {command.tolerance.absolute, command.tolerance.relative}) {
    if (!(tolerance >= 0)) fail_user("a tolerance is a number of 0 or more, not {}", tolerance);
  }
  const ModelDiff result = compare(command);
  std::fputs((command.json ? to_json(result) : to_text(result)).c_str(), stdout);
  if (!result.same()) throw Ended{kDifferent};
}

}  // namespace

void add_diff(CLI::App& app) {
  auto* verb = app.add_subcommand("diff", "Compares two networks: their graphs and their weights");
  const auto command = std::make_shared<DiffCommand>();
  verb->add_option(
          "A", command->a,
          std::string(kModelHelp) + "; or a .pth or .safetensors file of weights, as B then")
      ->required();
  verb->add_option("B", command->b, "The other one; in options the two are networks a and b")
      ->required();
  verb->add_option("--absolute", command->tolerance.absolute,
                   "Weights are the same where no number differs by more than this")
      ->capture_default_str();
  verb->add_option("--relative", command->tolerance.relative,
                   "… or by more than this share of the largest number of A's tensor")
      ->capture_default_str();
  add_model_options(*verb, command->opening, true);
  verb->add_flag("--json", command->json, "JSON instead of tables");
  verb->footer(
      "Nodes are the same by name; under other names, by what they compute. Exit code 0: the "
      "same,\n"
      "4: different.\n\n"
      "Examples:\n"
      "  rung diff before.rung after.rung\n"
      "  rung diff net.onnx net.rung --relative 1e-6\n"
      "  rung diff zoo:resnet18 resnet18.onnx --json\n"
      "  rung diff epoch1.pth epoch2.safetensors");
  verb->callback([command] { run_diff(*command); });
}

}  // namespace rung::cli
