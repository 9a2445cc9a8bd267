#pragma once

#include <cstdint>
#include <string>

namespace CLI {
class App;
}

namespace rung::cli {

// One function a verb, each in its own cmd_<verb>.cpp: declares the options on a subcommand, and
// sets the callback that runs it. Errors are thrown; run_program reports them.

void add_show(CLI::App& app);
void add_join(CLI::App& app);
void add_tap(CLI::App& app);
void add_convert(CLI::App& app);
void add_diff(CLI::App& app);
void add_models(CLI::App& app);
void add_compile(CLI::App& app);
void add_bench(CLI::App& app);
/// `run`, of which `rung` itself does what --program asks for.
void add_run_program(CLI::App& app);

// In rung-torch, which links LibTorch; `rung` hands these over to it.
void add_run(CLI::App& app);
void add_check(CLI::App& app);
void add_train(CLI::App& app);
void add_evaluate(CLI::App& app);
void add_predict(CLI::App& app);
/// The other side of `rung bench --against torch`; not for users.
void add_torch_trace(CLI::App& app);

/// --seed, a whole number; CLI11 alone would read -1 as 2^64 - 1.
void add_seed(CLI::App& verb, uint64_t& seed, const std::string& what);

}  // namespace rung::cli
