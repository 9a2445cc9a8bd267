#pragma once

#include <functional>
#include <string>
#include <vector>

#include "rung/exec/onednn/program.h"

namespace CLI {
class App;
}

namespace rung::cli {

/// How a verb compiles a network, as given.
struct ProgramOptions {
  std::string precision = "fp32";
  bool fast_bf16 = false;
  int threads = 0;             ///< 0: every core that the process may use
  bool deterministic = false;  ///< nothing is measured
  std::string cache = {};      ///< empty: the usual file; "none": nothing is remembered
  double budget_s = 5;
};
/// --fast-bf16, --deterministic-plan, --plan-cache and --plan-seconds.
void add_plan_options(CLI::App& verb, ProgramOptions& options);
/// These, --precision and --threads.
void add_program_options(CLI::App& verb, ProgramOptions& options);
inline constexpr const char* kPrecisionHelp =
    "fp32, or bf16: values are stored as bf16, sums stay f32";

/// Throws a user error where one of them has no meaning.
CompileOptions compile_options(const ProgramOptions& options);
Precision precision_from_name(const std::string& name);
std::string_view name(Precision precision);
void check_threads(int threads);
/// The same of a verb that runs a network on LibTorch, or as a program where `program` is set,
/// which is on the CPU.
void check_engine(bool program, const ProgramOptions& options, const std::string& device);

/// `compile`. Ops that have no kernel run on LibTorch: in rung-torch; `rung` becomes that where it
/// is installed (so nothing may be printed before), else the error goes through.
rung::Program compile_network(const Model& model, const CompileOptions& options);
/// The same as a function of the inputs in their order. Throws an unsupported error where rung was
/// built without oneDNN.
using RunNetwork = std::function<std::vector<Tensor>(const std::vector<Tensor>&)>;
RunNetwork compiled(const Model& model, const ProgramOptions& options);

}  // namespace rung::cli
