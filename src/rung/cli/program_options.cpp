#include "rung/cli/program_options.h"

#include <CLI/CLI.hpp>

#include "rung/base/error.h"
#include "rung/base/text.h"

namespace rung::cli {
void add_plan_options(CLI::App& verb, ProgramOptions& options) {
  verb.add_flag("--fast-bf16", options.fast_bf16,
                "bf16 may also take Winograd kernels of 4x4 outputs: faster, with a relative RMS "
                "error of 1.2e-2 a convolution where it is 5e-3 else");
  verb.add_flag("--deterministic-plan", options.deterministic,
                "Measures nothing: the same network becomes the same program on every machine of "
                "this kind");
  verb.add_option("--plan-cache", options.cache,
                  "Remembers what was measured; none: nowhere. Else ~/.cache/rung/plans.json")
      ->type_name("FILE");
  verb.add_option("--plan-seconds", options.budget_s, "For measuring, in all")
      ->capture_default_str();
}

void add_program_options(CLI::App& verb, ProgramOptions& options) {
  verb.add_option("--precision", options.precision, kPrecisionHelp)->capture_default_str();
  verb.add_option("--threads", options.threads, "0: every core that the process may use")
      ->capture_default_str();
  add_plan_options(verb, options);
}

Precision precision_from_name(const std::string& name) {
  if (name == "fp32") return Precision::kF32;
  if (name == "bf16") return Precision::kBf16;
  fail_user("--precision {}: it is fp32 or bf16", quoted(name));
}

std::string_view name(Precision precision) {
  return precision == Precision::kBf16 ? "bf16" : "fp32";
}

void check_engine(bool program, const ProgramOptions& options, const std::string& device) {
  check_threads(options.threads);
  if (program && device != "cpu") fail_user("--device {}: --program runs on the CPU", device);
  if (program) return;
  if (options.fast_bf16) {
    fail_user(
        "--fast-bf16: it is a choice of compiled programs; give --program, and --precision bf16");
  }
  if (options.precision == "fp32") return;
  fail_user("--precision {}: LibTorch runs the network in the types of its file; give --program",
            options.precision);
}

void check_threads(int threads) {
  if (threads >= 0 && threads <= 4096) return;
  fail_user("--threads {}: from 1 to 4096, or 0 for every core", threads);
}

}  // namespace rung::cli
