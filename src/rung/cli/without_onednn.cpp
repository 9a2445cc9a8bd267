// The verbs of programs in a rung that was built without oneDNN.
#include <CLI/CLI.hpp>

#include "rung/base/error.h"
#include "rung/cli/run_options.h"
#include "rung/cli/verbs.h"

namespace rung::cli {
namespace {

[[noreturn]] void fail_without(const char* what) {
  fail_unsupported("{}: this rung was built without oneDNN (RUNG_ONEDNN=OFF)", what);
}

void add_nothing(CLI::App& app, const char* verb, const char* description) {
  app.add_subcommand(verb, description)->allow_extras()->callback([verb] {
    fail_without(fmt::format("rung {}", verb).c_str());
  });
}

}  // namespace

void add_compile(CLI::App& app) {
  add_nothing(app, "compile", "Compiles a network for this machine");
}
void add_bench(CLI::App& app) { add_nothing(app, "bench", "Measures a network's program"); }
void add_check(CLI::App& app) { add_nothing(app, "check", "Compares a network's program"); }
RunNetwork compiled(const Model&, const ProgramOptions&) { fail_without("--program"); }
void run_compiled(const RunOptions&) { fail_without("--program"); }
void add_run_program(CLI::App& app) { add_run_verb(app, run_compiled); }

}  // namespace rung::cli
