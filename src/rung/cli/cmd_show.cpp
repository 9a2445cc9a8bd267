#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <optional>

#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/cli/model_arguments.h"
#include "rung/cli/pictures.h"
#include "rung/cli/verbs.h"
#include "rung/inspect/graph_svg.h"
#include "rung/inspect/summary.h"

namespace rung::cli {
namespace {

struct ShowOptions {
  std::string model;
  std::string taps;
  std::optional<std::string> svg;
  ModelOptions opening;
  bool json = false;
};

void show(const ShowOptions& options) {
  if (options.json && !options.taps.empty()) {
    fail_user("--json goes with the layers, not with --taps; give one of the two");
  }
  if (options.svg) check_picture_file("--svg", *options.svg, ".svg");
  const PartialModel partial = open_model_partly(options.model, options_for(options.opening));
  const Model& model = partial.model;
  std::string out;
  if (!options.taps.empty()) {
    out = taps_text(model.graph, options.taps);
  } else {
    const Summary summary = summarize(model.graph, model.name);
    out = options.json ? to_json(summary) : to_text(summary);
  }
  std::fputs(out.c_str(), stdout);
  if (options.svg) {
    write_file(*options.svg, graph_svg(model.graph, {.title = model.name}));
  }
  if (partial.error) throw *partial.error;
}

}  // namespace

void add_show(CLI::App& app) {
  auto* verb = app.add_subcommand("show", "Prints a network: layers, shapes, roles, weights, cost");
  const auto options = std::make_shared<ShowOptions>();
  verb->add_option("MODEL", options->model, kModelHelp)->required();
  verb->add_option("--taps", options->taps, "Instead of the layers, the taps that match this glob")
      ->type_name("GLOB");
  verb->add_option("--svg", options->svg, "Draws the network into this file as well")
      ->type_name("FILE.svg");
  add_model_options(*verb, options->opening);
  verb->add_flag("--json", options->json, "JSON instead of a table");
  verb->footer(
      "Of a broken .rung file, everything up to the failing node is printed, then the error.\n\n"
      "Examples:\n"
      "  rung show zoo:resnet50\n"
      "  rung show zoo:resnet18 --taps 'layer?'\n"
      "  rung show zoo:skip_connection_block --set in=64 --set out=128\n"
      "  rung show resnet18.onnx --taps 'layer*'\n"
      "  rung show super_resolution.onnx --shape 1x1x224x320\n"
      "  rung show unet.rung --svg unet.svg");
  verb->callback([options] { show(*options); });
}

}  // namespace rung::cli
