#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/cli/program_options.h"
#include "rung/cli/torch_files.h"

namespace rung::cli {
namespace {

constexpr const char* kNoCache = "none";

}  // namespace

CompileOptions compile_options(const ProgramOptions& options) {
  check_threads(options.threads);
  if (!(options.budget_s >= 0)) {
    fail_user("--plan-seconds {}: a number of 0 or more", options.budget_s);
  }
  CompileOptions made{.precision = precision_from_name(options.precision),
                      .fast_bf16 = options.fast_bf16,
                      .threads = options.threads,
                      .measure = !options.deterministic,
                      .budget_s = options.budget_s,
                      .cache = {},
                      .fallback = torch_fallback()};
  if (made.fast_bf16 && made.precision != Precision::kBf16) {
    fail_user("--fast-bf16: the precision is {}; give --precision bf16 too", options.precision);
  }
  if (made.fast_bf16 && !made.measure) {
    fail_user(
        "--fast-bf16: its kernels are taken where they were measured to be faster, and "
        "--deterministic-plan measures nothing; leave out one of them");
  }
  if (options.cache.empty()) {
    made.cache = CompileOptions::default_plan_cache();
  } else if (options.cache != kNoCache) {
    std::error_code error;  // what cannot be made is said by the check
    std::filesystem::create_directories(std::filesystem::path(options.cache).parent_path(), error);
    check_writable(options.cache);
    made.cache = options.cache;
  }
  return made;
}

rung::Program compile_network(const Model& model, const CompileOptions& options) {
  try {
    return compile(model, options);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kUnsupported) throw;
    go_on_with_torch();
    throw;
  }
}

RunNetwork compiled(const Model& model, const ProgramOptions& options) {
  const rung::Program program = compile_network(model, compile_options(options));
  return [program](const std::vector<Tensor>& inputs) { return program.run(inputs); };
}

}  // namespace rung::cli
