#include <torch/utils.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>

#include "rung/base/cores.h"
#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/base/table.h"
#include "rung/base/text.h"
#include "rung/cli/model_arguments.h"
#include "rung/cli/read_input.h"
#include "rung/cli/verbs.h"
#include "rung/exec/eager/convert.h"
#include "rung/exec/eager/device.h"
#include "rung/exec/eager/identity.h"
#include "rung/exec/eager/module.h"
#include "rung/io/image.h"
#include "rung/io/numpy/npy.h"
#include "rung/io/safetensors.h"
#include "rung/io/state_dict.h"
#include "rung/ops/eager.h"

namespace rung::cli {
namespace {

struct RunOptions {
  std::string model;
  std::vector<std::string> inputs;
  ModelOptions opening;
  std::string weights;
  std::string rename;
  std::vector<std::string> taps;
  std::optional<std::string> output;
  std::string device = "cpu";
  uint64_t seed = 0;
  bool compare = false;                 ///< with the outputs without the skips
  std::vector<std::string> skips = {};  ///< without these alone
  int threads = 0;                      ///< 0: every core that the process may use
};

/// What is printed or written under a name.
struct Result {
  std::string name;
  at::Tensor value;
};

constexpr std::string_view kNpy = ".npy";
constexpr std::string_view kPng = ".png";
constexpr std::string_view kTensors = ".safetensors";

// Before the network is opened: a wrong name should not cost its run.
void check_output(const RunOptions& options) {
  if (!options.output) return;
  const std::string extension = std::filesystem::path(*options.output).extension().string();
  if (extension != kNpy && extension != kPng && extension != kTensors) {
    fail_user("-o {}: results are written as .npy or .png (one) or .safetensors (any number)",
              quoted(*options.output));
  }
}

void use_threads(int threads) {
  if (threads < 0 || threads > 4096) {
    fail_user("--threads {}: from 1 to 4096, or 0 for every core", threads);
  }
  torch::set_num_threads(threads > 0 ? threads : usable_cores());
}

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

TensorMap read_inputs(const Graph& graph, const RunOptions& options) {
  TensorMap inputs;
  for (const auto& argument : options.inputs) {
    const auto [name, what] = parse_input(argument);
    const NodeId id = find_input(graph, name, argument);
    const std::string& full = graph.node(id).name;
    const Tensor value = read_input(what, full, graph.type({id, 0}), options.seed);
    if (!inputs.emplace(full, to_torch(value)).second) {
      fail_user("--input gives {} twice", quoted(full));
    }
  }
  return inputs;
}

void check_all_given(const Graph& graph, const TensorMap& inputs, const RunOptions& options) {
  if (!options.taps.empty()) return;  // they may need fewer
  for (const NodeId id : graph.inputs()) {
    const std::string& name = graph.node(id).name;
    if (inputs.contains(name)) continue;
    fail_user("input {} is missing: {}\n  for instance --input {}=randn", quoted(name),
              to_string(graph.type({id, 0})), name);
  }
}

// Where the numbers of the network come from, for the report.
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

std::vector<Result> run_network(Module& net, const TensorMap& inputs, const RunOptions& options) {
  const torch::NoGradGuard no_grad;
  net->eval();
  std::vector<Result> results;
  if (options.taps.empty()) {
    TensorMap values = net->forward(inputs);
    for (const Output& output : net->graph().outputs()) {
      results.push_back({output.name, values.at(output.name)});
    }
  } else {
    const auto values = net->taps(options.taps, inputs);
    for (size_t i = 0; i < values.size(); ++i) results.push_back({options.taps[i], values[i]});
  }
  for (Result& result : results) result.value = result.value.to(at::kCPU).contiguous();
  return results;
}

std::string number_text(const at::Tensor& number) {
  return fmt::format("{:.6g}", number.item<double>());
}

// min, mean, max of the finite numbers, and what else there is.
std::vector<std::string> statistics(const at::Tensor& value) {
  const at::Tensor numbers = value.to(at::kDouble).flatten();
  const at::Tensor finite = numbers.masked_select(numbers.isfinite());
  const int64_t others = numbers.numel() - finite.numel();
  std::string note;
  if (others > 0) {
    const int64_t nan = numbers.isnan().sum().item<int64_t>();
    note = fmt::format("{} NaN, {} infinite", nan, others - nan);
  }
  if (finite.numel() == 0) return {"-", "-", "-", note};
  return {number_text(finite.min()), number_text(finite.mean()), number_text(finite.max()), note};
}

void print_results(const TensorMap& inputs, const std::vector<Result>& results,
                   const std::string& weights) {
  TextTable table({{""},
                   {"name"},
                   {"type and shape"},
                   {"min", Column::kRight},
                   {"mean", Column::kRight},
                   {"max", Column::kRight},
                   {""}});
  const auto add = [&](const char* kind, const std::string& name, const at::Tensor& value) {
    std::vector<std::string> row{kind, name, type_text(value)};
    for (auto& cell : statistics(value)) row.push_back(std::move(cell));
    table.add(std::move(row));
  };
  for (const auto& [name, value] : inputs) add("input", name, value);
  for (const Result& result : results) add("output", result.name, result.value);
  std::printf("%sweights  %s\n", table.text().c_str(), weights.c_str());
}

// Numbers from 0 to 1 as a picture, as a picture that is read becomes such numbers.
void write_picture(const at::Tensor& value, const std::string& path) {
  const bool fits = value.dim() == 4 && value.size(0) == 1 && value.numel() > 0 &&
                    (value.size(1) == 1 || value.size(1) == 3);
  if (!fits) {
    fail_user(
        "-o {}: {} is no picture\n"
        "  rule    a picture is one map of 1 or 3 channels, [1, C, H, W], of numbers from 0 to 1\n"
        "  fix     -o FILE.npy",
        quoted(path), type_text(value));
  }
  const at::Tensor bytes = value[0].to(at::kDouble).nan_to_num(0).clamp(0, 1).mul(255).round();
  save_png(path, from_torch(bytes.to(at::kByte).contiguous()));
}

void write_results(const std::vector<Result>& results, const std::string& path) {
  if (path.ends_with(kNpy)) {
    save_npy(path, from_torch(results.front().value));
  } else if (path.ends_with(kPng)) {
    write_picture(results.front().value, path);
  } else {
    Safetensors file;
    for (const Result& result : results) {
      file.tensors.insert_or_assign(result.name, from_torch(result.value));
    }
    save_safetensors(path, file);
  }
  std::printf("wrote %s\n", path.c_str());
}

// Whether the skips change what comes out, output by output.
void print_comparison(const Module& net, const TensorMap& inputs,
                      const std::vector<std::string>& skips) {
  std::vector<at::Tensor> ordered;
  for (const NodeId id : net->graph().inputs()) {
    ordered.push_back(inputs.at(net->graph().node(id).name));
  }
  for (const auto& difference : compare_without_skips(net->model(), ordered, skips)) {
    std::printf("without skips  %s: %s\n", difference.output.c_str(),
                difference.same_bits
                    ? "the same bits"
                    : fmt::format("differs by up to {:.6g}", difference.largest).c_str());
  }
}

void check_comparable(const Graph& graph, const RunOptions& options) {
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

void check_one(const Graph& graph, const RunOptions& options) {
  const size_t count = options.taps.empty() ? graph.outputs().size() : options.taps.size();
  if (!options.output || options.output->ends_with(kTensors) || count == 1) return;
  fail_user(
      "-o {}: a {} file holds one result, and these are {}; write .safetensors, or choose "
      "one with --tap",
      quoted(*options.output), std::filesystem::path(*options.output).extension().string(), count);
}

void run_verb(const RunOptions& options) {
  check_output(options);
  const at::Device device = find_device(options.device);
  use_threads(options.threads);
  Model model = open_model(options.model, options_for(options.opening));
  check_one(model.graph, options);
  check_comparable(model.graph, options);
  TensorMap inputs = read_inputs(model.graph, options);
  check_all_given(model.graph, inputs, options);
  const std::string weights = give_weights(model, options);
  Module net(model, ModuleOptions{.seed = options.seed, .device = device});
  TensorMap placed = inputs;
  for (auto& [name, value] : placed) value = value.to(device);
  const auto results = run_network(net, placed, options);
  print_results(inputs, results, weights);
  if (options.output) write_results(results, *options.output);
  if (options.compare) print_comparison(net, placed, options.skips);
}

}  // namespace

void add_run(CLI::App& app) {
  auto* verb =
      app.add_subcommand("run", "Runs a network on files or random input; prints what comes out");
  const auto options = std::make_shared<RunOptions>();
  const auto list = [verb](const char* name, std::vector<std::string>& into, const char* what,
                           const char* form) {
    verb->add_option(name, into, what)->type_name(form)->allow_extra_args(false);
  };
  verb->add_option("MODEL", options->model, kModelHelp)->required();
  list("--input", options->inputs,
       "What an input is given: a file (.npy, .safetensors, .png, .jpg), or randn:SHAPE, "
       "zeros:SHAPE, ones:SHAPE (without :SHAPE, the size that the network is planned at). "
       "NAME= may be left out where there is one input",
       "[NAME=]WHAT");
  add_model_options(*verb, options->opening);
  verb->add_option("--weights", options->weights,
                   "A state dict for the network: .safetensors, .rung or what torch.save writes "
                   "(FILE:KEY for one of several in it); every name and shape must fit")
      ->type_name("FILE");
  verb->add_option("--rename", options->rename,
                   "Rules for the names of --weights, one a line: OLD -> NEW, * for any text")
      ->type_name("TABLE");
  list("--tap", options->taps,
       "The value at this tap instead of the outputs; runs only what it needs", "NAME");
  verb->add_option("-o,--output", options->output,
                   "Writes one result as .npy, or as .png (numbers from 0 to 1), or all as "
                   ".safetensors")
      ->type_name("FILE");
  verb->add_flag("--compare-without-skips", options->compare,
                 "Runs the network without its skips too, and says whether the outputs have the "
                 "same bits, as a start of identity promises");
  list("--skip", options->skips, "Compares without this skip alone (as rung show names them)",
       "NAME");
  add_seed(*verb, options->seed, "Draws random input, and weights that are missing");
  verb->add_option("--threads", options->threads, "0: every core that the process may use")
      ->capture_default_str();
  verb->add_option("--device", options->device, "cpu or cuda")->capture_default_str();
  verb->footer(
      "Examples:\n"
      "  rung run zoo:skip_connection_block --set in=64 --set out=128 --input x=randn:1,64,32,32\n"
      "  rung run zoo:resnet18 --weights resnet18.pth --input photo.jpg -o scores.npy\n"
      "  rung run unet.rung --input photo.png --tap enc/layer2 --tap dec/up1 -o taps.safetensors\n"
      "  rung run joined.rung --input randn --compare-without-skips");
  verb->callback([options] { run_verb(*options); });
}

}  // namespace rung::cli
