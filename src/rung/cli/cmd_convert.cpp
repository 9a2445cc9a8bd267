#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/cli/model_arguments.h"
#include "rung/cli/verbs.h"
#include "rung/cli/write_model.h"
#include "rung/io/state_dict.h"

namespace rung::cli {
namespace {

struct ConvertOptions {
  std::string from;
  OutputOptions output;
  ModelOptions opening;
  std::string weights, rename;
  bool report = false;
  uint64_t seed = 0;
};

bool is_weights_file(const std::string& file) {
  const auto ending = std::filesystem::path(file).extension();
  return ending == ".safetensors" || ending == ".pth" || ending == ".th" || ending == ".bin";
}

void write_weights(const Weights& weights, const std::string& file) {
  save_state_dict(file, weights);
  int64_t numbers = 0;
  for (const auto& [name, tensor] : weights) numbers += tensor.elements();
  std::printf("wrote %s: %zu tensors, %s numbers\n", file.c_str(), weights.size(),
              with_thousands(numbers).c_str());
}

void check_output(const ConvertOptions& options) {
  if (is_weights_file(*options.output.file)) {
    if (options.output.opset) {
      fail_user("--opset {}: {} is no .onnx file, and weights have no opset", *options.output.opset,
                quoted(*options.output.file));
    }
    return;
  }
  const auto ending = std::filesystem::path(*options.output.file).extension();
  if (ending != ".rung" && ending != ".onnx" && ending != ".pt" && ending != ".pt2") {
    fail_user("{}: networks are written as .rung or .onnx, weights as .pth or .safetensors",
              quoted(*options.output.file));
  }
  check_network_output(options.output, "B is");
}

void convert_weights(const ConvertOptions& options) {
  if (!is_weights_file(*options.output.file)) {
    fail_user(
        "{} holds weights alone, and {} would be a network\n"
        "  fix     give the network too: rung convert MODEL {} --weights {}",
        quoted(options.from), quoted(*options.output.file), *options.output.file, options.from);
  }
  if (!options.weights.empty()) {
    fail_user("--weights is for a network, and {} holds weights alone", quoted(options.from));
  }
  const StateDict state = load_state_dict(options.from);
  if (!state.note.empty()) std::printf("%s: %s\n", options.from.c_str(), state.note.c_str());
  write_weights(state.tensors, *options.output.file);
}

void convert_network(const ConvertOptions& options) {
  OpenOptions opening = options_for(options.opening);
  std::string report;
  if (options.report) opening.report = &report;
  Model model = open_model(options.from, opening);
  if (!options.weights.empty()) {
    const auto matched = load_weights_file(model, options.weights, options.rename);
    std::printf("weights from %s: %s\n", options.weights.c_str(), matched.text().c_str());
  } else if (!options.rename.empty()) {
    fail_user("--rename renames what --weights loads; give both");
  }
  draw_missing(model, options.seed);
  std::fputs(report.c_str(), stdout);
  if (is_weights_file(*options.output.file)) {
    write_weights(state_dict(model), *options.output.file);
  } else {
    save_any_model(model, options.output, fmt::format("{} nodes", model.graph.size()));
  }
}

void convert(const ConvertOptions& options) {
  check_output(options);
  if (holds_weights_alone(options.from)) {
    convert_weights(options);
  } else {
    convert_network(options);
  }
}

}  // namespace

void add_convert(CLI::App& app) {
  auto* verb = app.add_subcommand("convert", "Writes a network, or its weights, in another form");
  const auto options = std::make_shared<ConvertOptions>();
  verb->add_option("A", options->from,
                   std::string(kModelHelp) + "; or a .pth or .safetensors file of weights")
      ->required();
  verb->add_option("B", options->output.file,
                   "The file to write: .rung or .onnx, or .pth or .safetensors for weights alone")
      ->required();
  verb->add_option("--weights", options->weights,
                   "A state dict for the network first; every name and shape must fit")
      ->type_name("FILE");
  verb->add_option("--rename", options->rename,
                   "Rules that turn the names in FILE into the network's, one a line: "
                   "'backbone.* -> encoder/*'")
      ->type_name("TABLE");
  add_opset(*verb, options->output);
  add_model_options(*verb, options->opening);
  verb->add_flag("--report", options->report,
                 "Of an ONNX file, prints what became of its operators");
  add_seed(*verb, options->seed, "Draws the weights that the network lacks");
  verb->footer(
      "Examples:\n"
      "  rung convert net.onnx net.rung --report\n"
      "  rung convert net.pt net.onnx --shape 1x3x224x224 --opset 18\n"
      "  rung convert zoo:resnet18 resnet18.onnx --weights resnet18.pth\n"
      "  rung convert trained.rung weights.pth\n"
      "  rung convert weights.pth weights.safetensors");
  verb->callback([options] { convert(*options); });
}

}  // namespace rung::cli
