#include "rung/cli/run_options.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/base/text.h"
#include "rung/cli/read_input.h"
#include "rung/cli/run_results.h"
#include "rung/cli/verbs.h"
#include "rung/io/state_dict.h"

namespace rung::cli {
namespace {

// "encoder/x" goes by "x" where no other input does.
std::string_view last_part(std::string_view name) { return name.substr(name.rfind('/') + 1); }

// The input that the user means by `name`; empty means the only one.
NodeId find_input(const Graph& graph, const std::string& name, const std::string& argument) {
  std::vector<NodeId> exact, short_form;
  std::vector<std::string> names;
  for (const NodeId id : graph.inputs()) {
    const std::string& own = graph.node(id).name;
    names.push_back(quoted(own));
    if (own == name) exact.push_back(id);
    if (last_part(own) == name || name.empty()) short_form.push_back(id);
  }
  if (!exact.empty()) return exact.front();
  if (short_form.size() == 1) return short_form.front();
  if (name.empty()) {
    fail_user("--input {}: the network takes {} inputs ({}); write NAME={}", quoted(argument),
              names.size(), join(names, ", "), argument);
  }
  fail_user("--input {}: the network {} input {}; it takes {}", quoted(argument),
            short_form.empty() ? "has no" : "has more than one", quoted(name), join(names, ", "));
}

// "NAME=WHAT", or WHAT alone. A file's name may hold an equals sign too.
std::pair<std::string, std::string> parse_input(const std::string& argument) {
  if (path_exists(argument)) return {"", argument};
  const auto equals = argument.find('=');
  if (equals == std::string::npos) return {"", argument};
  return {argument.substr(0, equals), argument.substr(equals + 1)};
}

void check_all_given(const Graph& graph, const Inputs& inputs) {
  for (const NodeId id : graph.inputs()) {
    const std::string& name = graph.node(id).name;
    if (inputs.contains(name)) continue;
    fail_user("input {} is missing: {}\n  for instance --input {}=randn", quoted(name),
              to_string(graph.type({id, 0})), name);
  }
}

void check_program_options(const RunOptions& options) {
  check_engine(options.program, options.compiling, options.device);
  if (!options.program) return;
  if (options.compare) {
    fail_user("--compare-without-skips compares on LibTorch; leave out --program");
  }
}

void add_network_options(CLI::App& verb, RunOptions& options) {
  const auto list = [&verb](const char* name, std::vector<std::string>& into, const char* what,
                            const char* form) {
    verb.add_option(name, into, what)->type_name(form)->allow_extra_args(false);
  };
  verb.add_option("MODEL", options.model, kModelHelp)->required();
  list("--input", options.inputs,
       "What an input is given: a file (.npy, .safetensors, .png, .jpg), or randn:SHAPE, "
       "zeros:SHAPE, ones:SHAPE (without :SHAPE, the size that the network is planned at). "
       "NAME= may be left out where there is one input",
       "[NAME=]WHAT");
  add_model_options(verb, options.opening);
  verb.add_option("--weights", options.weights,
                  "A state dict for the network: .safetensors, .rung or what torch.save writes "
                  "(FILE:KEY for one of several in it); every name and shape must fit")
      ->type_name("FILE");
  verb.add_option("--rename", options.rename,
                  "Rules for the names of --weights, one a line: OLD -> NEW, * for any text")
      ->type_name("TABLE");
  list("--tap", options.taps,
       "The value at this tap instead of the outputs; runs only what it needs", "NAME");
  verb.add_option("-o,--output", options.output,
                  "Writes one result as .npy or .png, or all as .safetensors")
      ->type_name("FILE");
  verb.add_option(
          "--as", options.as,
          "How a .png shows the result: values (0 to 1), range (stretched), probability (of "
          "logits), classes (a mask, or the classes' colours). Without it, classes for "
          "networks that rung trained to segment, else values")
      ->type_name("FORM");
  verb.add_flag("--compare-without-skips", options.compare,
                "Runs the network without its skips too, and says whether the outputs have the "
                "same bits, as a start of identity promises");
  list("--skip", options.skips, "Compares without this skip alone (as rung show names them)",
       "NAME");
}

}  // namespace

void add_run_verb(CLI::App& app, const std::function<void(const RunOptions&)>& action) {
  auto* verb =
      app.add_subcommand("run", "Runs a network on files or random input; prints what comes out");
  const auto options = std::make_shared<RunOptions>();
  add_network_options(*verb, *options);
  add_seed(*verb, options->seed, "Draws random input, and weights that are missing");
  verb->add_option("--device", options->device, "cpu or cuda")->capture_default_str();
  verb->add_flag("--program", options->program,
                 "Compiles the network for this machine and runs that, without LibTorch");
  add_program_options(*verb, options->compiling);
  verb->footer(
      "Examples:\n"
      "  rung run zoo:skip_connection_block --set in=64 --set out=128 --input x=randn:1,64,32,32\n"
      "  rung run zoo:resnet18 --weights resnet18.pth --input photo.jpg -o scores.npy\n"
      "  rung run resnet18.onnx --input photo.jpg --program --precision bf16\n"
      "  rung run unet.rung --input photo.png --tap enc/layer2 --tap dec/up1 -o taps.safetensors\n"
      "  rung run joined.rung --input randn --compare-without-skips");
  verb->callback([options, action] { action(*options); });
}

void check_options(const RunOptions& options) {
  check_result_file(options.output);
  check_picture_form(options.as);
  if (!options.as.empty() && !(options.output && options.output->ends_with(".png"))) {
    fail_user("--as is for -o FILE.png");
  }
  check_program_options(options);
}

void check_options(const RunOptions& options, const Graph& graph) {
  const size_t count = options.taps.empty() ? graph.outputs().size() : options.taps.size();
  check_result_count(options.output, count);
  if (!options.compare && !options.skips.empty()) {
    fail_user("--skip names what --compare-without-skips switches off; give both");
  }
  if (!options.compare) return;
  if (graph.skips().empty()) {
    fail_user("--compare-without-skips: {} has no skips", options.model);
  }
  if (!options.taps.empty()) {
    fail_user("--compare-without-skips compares the outputs; leave out --tap");
  }
}

Inputs read_inputs(const Graph& graph, const RunOptions& options) {
  Inputs inputs;
  for (const auto& argument : options.inputs) {
    const auto [name, what] = parse_input(argument);
    const NodeId id = find_input(graph, name, argument);
    const std::string& full = graph.node(id).name;
    const Tensor value = read_input(what, full, graph.type({id, 0}), options.seed);
    if (!inputs.emplace(full, value).second) fail_user("--input gives {} twice", quoted(full));
  }
  if (options.taps.empty()) check_all_given(graph, inputs);  // taps may need fewer
  return inputs;
}

std::string give_weights(Model& model, const RunOptions& options) {
  if (options.weights.empty() && !options.rename.empty()) {
    fail_user("--rename renames what --weights loads; give both");
  }
  if (!options.weights.empty()) {
    const auto report = load_weights_file(model, options.weights, options.rename);
    std::string text = fmt::format("{} from {}", report.matched.size(), options.weights);
    for (const auto& note : report.notes) text += "\n         " + note;
    return text;
  }
  size_t missing = 0, all = 0;
  for (const NodeId id : model.graph.params()) {
    ++all;
    if (!model.weights.contains(model.graph.node(id).name)) ++missing;
  }
  if (all == 0) return "none";
  if (missing == 0) return fmt::format("{} from {}", all, options.model);
  return fmt::format("{} of {} drawn with seed {}", missing, all, options.seed);
}

}  // namespace rung::cli
