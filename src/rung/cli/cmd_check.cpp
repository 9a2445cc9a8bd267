#include <torch/utils.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <set>

#include "rung/base/cores.h"
#include "rung/base/error.h"
#include "rung/base/table.h"
#include "rung/base/text.h"
#include "rung/cli/bench_rounds.h"
#include "rung/cli/check_sizes.h"
#include "rung/cli/draw_inputs.h"
#include "rung/cli/model_arguments.h"
#include "rung/cli/program.h"
#include "rung/cli/program_options.h"
#include "rung/cli/verbs.h"
#include "rung/exec/eager/convert.h"
#include "rung/exec/eager/module.h"
#include "rung/graph/rewrite.h"
#include "rung/inspect/summary.h"

namespace rung::cli {
namespace {

struct CheckCommand {
  std::string model;
  ModelOptions opening;
  ProgramOptions compiling;
  std::optional<double> bound;
  uint64_t seed = 0;
};

/// Finds where a program leaves the network's own numbers.
class Search {
 public:
  Search(const Model& model, const std::vector<Tensor>& inputs, const CompileOptions& options,
         double bound)
      : model_(model), options_(options), bound_(bound) {
    const auto ids = model.graph.inputs();
    for (size_t i = 0; i < ids.size(); ++i) {
      inputs_.emplace(model.graph.node(ids[i]).name, inputs.at(i));
    }
  }

  /// A value that differs though nothing that it is computed from does. `bad` differs.
  Value first_of(Value bad) {
    bad = halve(bad);
    for (bool found = true; found;) {
      found = false;
      for (const Value input : model_.graph.node(bad.node).inputs) {
        if (!differs(input)) continue;
        bad = input;
        found = true;
        break;
      }
    }
    return bad;
  }

  double difference(Value value) {
    Model part{.graph = extract(model_.graph, std::vector<Output>{{"value", value}}),
               .weights = model_.weights};
    std::vector<Tensor> inputs;
    for (const NodeId id : part.graph.inputs()) {
      inputs.push_back(inputs_.at(part.graph.node(id).name));
    }
    return relative_difference(compile_network(part, options_).run(inputs),
                               run_eagerly(part, inputs));
  }

 private:
  bool computed(NodeId id) const { return !is_leaf(model_.graph.node(id).op); }

  bool differs(Value value) {
    if (!computed(value.node)) return false;
    const auto [known, is_new] = known_.try_emplace(value, false);
    if (is_new) known->second = difference(value) > bound_;
    return known->second;
  }

  /// Some value that differs, early in the graph: nodes in front of a good one are taken as good,
  /// which the walk back along inputs then puts right.
  Value halve(Value bad) {
    std::vector<NodeId> nodes;
    for (int32_t i = 0; i < bad.node.index; ++i) {
      if (computed({i})) nodes.push_back({i});
    }
    size_t low = 0, high = nodes.size();
    while (low < high) {
      const size_t middle = (low + high) / 2;
      if (differs({nodes[middle], 0})) {
        bad = {nodes[middle], 0};
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return bad;
  }

  const Model& model_;
  CompileOptions options_;
  double bound_;
  std::map<std::string, Tensor, std::less<>> inputs_;
  std::map<Value, bool> known_;
};

std::string error_text(double error) { return fmt::format("{:.1e}", error); }

/// Of all sizes that are tried.
struct Outcome {
  TextTable table{{{"sizes"}, {"output"}, {"difference", Column::kRight}, {""}}};
  std::vector<std::string> skipped;
  size_t sizes = 0;
  std::optional<std::string> first;  ///< where the first size that fails goes wrong
};

void check_size(const Model& model, const CheckCommand& command, const CompileOptions& options,
                double bound, Outcome& outcome) {
  const std::string sizes = sizes_text(model.graph);
  const auto inputs = draw_inputs(model.graph, command.seed);
  const auto expected = run_eagerly(model, inputs);
  const auto got = compile_network(model, options).run(inputs);
  ++outcome.sizes;
  for (size_t k = 0; k < expected.size(); ++k) {
    const double error = relative_difference(got.at(k), expected[k]);
    const bool bad = !(error <= bound);
    const Output& output = model.graph.outputs()[k];
    outcome.table.add({k == 0 ? sizes : "", output.name, error_text(error), bad ? "DIFFERS" : ""});
    if (!bad || outcome.first) continue;
    Search search(model, inputs, options, bound);
    const Value first = search.first_of(output.value);
    const Node& node = model.graph.node(first.node);
    outcome.first = fmt::format("at {} the first to differ is {}: {} ({})", sizes,
                                quoted(value_name(model.graph, first)),
                                error_text(search.difference(first)), to_string(node.op));
  }
}

void check_verb(const CheckCommand& command) {
  CompileOptions options = compile_options(command.compiling);
  const double bound = command.bound.value_or(options.precision == Precision::kBf16 ? 0.05 : 1e-4);
  if (!(bound >= 0)) fail_user("--bound {}: a number of 0 or more", bound);
  torch::set_num_threads(options.threads > 0 ? options.threads : usable_cores());
  Model model = open_model(command.model, options_for(command.opening));
  draw_missing(model, command.seed);
  Outcome outcome;
  for (const InputShapes& shapes : sizes_to_check(model.graph)) {
    Model sized = model;
    try {
      sized.graph = resize_inputs(model.graph, shapes);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kUser) throw;
      outcome.skipped.push_back(sizes_text(shapes));
      continue;
    }
    check_size(sized, command, options, bound, outcome);
  }
  std::fputs(outcome.table.text().c_str(), stdout);
  if (!outcome.skipped.empty()) {
    std::printf("the network does not take %s\n", join(outcome.skipped, ", ").c_str());
  }
  if (!outcome.first) {
    std::printf("same: at %zu sizes within %s (relative RMS)\n", outcome.sizes,
                error_text(bound).c_str());
    return;
  }
  std::printf("different: %s\n", outcome.first->c_str());
  throw Ended{kDifferent};
}

}  // namespace

void add_check(CLI::App& app) {
  auto* verb = app.add_subcommand(
      "check", "Compares a network's program with its execution on LibTorch, at several sizes");
  const auto command = std::make_shared<CheckCommand>();
  verb->add_option("MODEL", command->model, kModelHelp)->required();
  verb->add_option("--bound", command->bound,
                   "What may differ, relative RMS of an output; else 1e-4, of bf16 0.05");
  add_program_options(*verb, command->compiling);
  add_model_options(*verb, command->opening);
  add_seed(*verb, command->seed, "Draws the inputs, and weights that the network lacks");
  verb->footer(
      "The sizes: the example's, other batches, and odd ones of space and time, where the network\n"
      "takes them. Exit code 0: the same, 4: different; then the first node that differs is "
      "named.\n\n"
      "Examples:\n"
      "  rung check zoo:unet --shape 1x3x64x64\n"
      "  rung check resnet18.onnx --precision bf16\n"
      "  rung check joined.rung --deterministic-plan --threads 1");
  verb->callback([command] { check_verb(*command); });
}

}  // namespace rung::cli
