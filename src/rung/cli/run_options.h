#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "rung/cli/model_arguments.h"
#include "rung/cli/program_options.h"

namespace rung::cli {

struct RunOptions {
  std::string model;
  std::vector<std::string> inputs;
  ModelOptions opening;
  std::string weights;
  std::string rename;
  std::vector<std::string> taps;
  std::optional<std::string> output;
  std::string as = {};  ///< how a picture shows the result: see PictureForm
  std::string device = "cpu";
  uint64_t seed = 0;
  bool compare = false;                 ///< with the outputs without the skips
  std::vector<std::string> skips = {};  ///< without these alone
  bool program = false;                 ///< compiled, instead of on LibTorch
  ProgramOptions compiling;
};

/// `rung run`, with its options; `action` is what it does.
void add_run_verb(CLI::App& app, const std::function<void(const RunOptions&)>& action);

/// Throws a user error for options that contradict each other or cannot be written to: before the
/// network is opened, since a wrong name should not cost its run.
void check_options(const RunOptions& options);
/// The same for what depends on the network.
void check_options(const RunOptions& options, const Graph& graph);

/// What --input gives, by the inputs' names. Throws a user error where one is unknown, ambiguous or
/// given twice; without --tap, where one is missing.
using Inputs = std::map<std::string, Tensor, std::less<>>;
Inputs read_inputs(const Graph& graph, const RunOptions& options);

/// Loads --weights. Returns where the numbers of the network come from, for the report.
std::string give_weights(Model& model, const RunOptions& options);

/// `rung run --program`.
void run_compiled(const RunOptions& options);

}  // namespace rung::cli
