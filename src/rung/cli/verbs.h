#pragma once

namespace CLI {
class App;
}

namespace rung::cli {

// One function a verb, each in its own cmd_<verb>.cpp: declares the options on a subcommand, and
// sets the callback that runs it. Errors are thrown; run_program reports them.

void add_show(CLI::App& app);
void add_join(CLI::App& app);
void add_models(CLI::App& app);

// In rung-torch, which links LibTorch; `rung` hands these over to it.
void add_run(CLI::App& app);
void add_train(CLI::App& app);

}  // namespace rung::cli
