#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/cli/run_options.h"
#include "rung/cli/run_results.h"
#include "rung/cli/verbs.h"
#include "rung/graph/cut.h"
#include "rung/join/pointwise.h"

namespace rung::cli {
namespace {

std::vector<Tensor> in_order(const Inputs& inputs, const Graph& graph) {
  std::vector<Tensor> ordered;
  for (const NodeId id : graph.inputs()) {
    const std::string& name = graph.node(id).name;
    const auto found = inputs.find(name);
    if (found == inputs.end()) fail_user("input {} is missing", quoted(name));
    ordered.push_back(found->second);
  }
  return ordered;
}

// Planned at the sizes that it runs at, so that one program is compiled and not two.
InputShapes shapes_of(const Inputs& inputs, const Graph& graph) {
  InputShapes shapes;
  for (const NodeId id : graph.inputs()) {
    const auto found = inputs.find(graph.node(id).name);
    if (found != inputs.end()) shapes.emplace(found->first, found->second.shape());
  }
  return shapes;
}

}  // namespace

void run_compiled(const RunOptions& options) {
  const CompileOptions compiling = compile_options(options.compiling);
  Model model = open_model(options.model, options_for(options.opening));
  check_options(options, model.graph);
  const Inputs inputs = read_inputs(model.graph, options);
  const std::string weights = give_weights(model, options);
  if (!options.taps.empty()) model = cut(model, {.at = options.taps});
  draw_missing(model, options.seed);
  model.graph = resize_inputs(model.graph, shapes_of(inputs, model.graph));
  const auto values = compile_network(model, compiling).run(in_order(inputs, model.graph));
  std::vector<Result> results;
  for (size_t k = 0; k < values.size(); ++k) {
    const Output& output = model.graph.outputs().at(k);
    results.push_back({output.name, values[k], is_channels_last(model.graph.type(output.value)),
                       picture_form(model, output.value, options.as)});
  }
  print_results(inputs, results, weights);
  if (options.output) write_results(results, *options.output);
}

void add_run_program(CLI::App& app) {
  add_run_verb(app, [](const RunOptions& options) {
    check_options(options);
    run_compiled(options);
  });
}

}  // namespace rung::cli
