#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "rung/base/cores.h"
#include "rung/base/file.h"
#include "rung/cli/model_arguments.h"
#include "rung/cli/program_options.h"
#include "rung/cli/verbs.h"
#include "rung/inspect/program_report.h"

namespace rung::cli {
namespace {

struct CompileCommand {
  std::string model;
  ModelOptions opening;
  ProgramOptions compiling;
  bool explain = false;
  std::string json;
  uint64_t seed = 0;
};

void compile_verb(const CompileCommand& command) {
  const CompileOptions compiling = compile_options(command.compiling);
  Model model = open_model(command.model, options_for(command.opening));
  draw_missing(model, command.seed);
  const CompileReport report = compile_network(model, compiling).report();
  const int threads = compiling.threads > 0 ? compiling.threads : usable_cores();
  std::printf("%s  %s, %d thread%s\n%s", command.model.c_str(),
              std::string(name(compiling.precision)).c_str(), threads, threads == 1 ? "" : "s",
              summary_text(report).c_str());
  if (command.explain) std::printf("\n%s", steps_text(report).c_str());
  if (command.json.empty()) return;
  write_file(command.json, to_json(report));
  std::printf("wrote %s\n", command.json.c_str());
}

}  // namespace

void add_compile(CLI::App& app) {
  auto* verb = app.add_subcommand(
      "compile", "Compiles a network for this machine, and says what became of it");
  const auto command = std::make_shared<CompileCommand>();
  verb->add_option("MODEL", command->model, kModelHelp)->required();
  verb->add_flag("--explain", command->explain,
                 "Every step with what it costs and the ways that were considered; every fusion, "
                 "buffer and reorder, and why");
  verb->add_option("--json", command->json, "The same for programs")->type_name("FILE");
  add_program_options(*verb, command->compiling);
  add_model_options(*verb, command->opening);
  add_seed(*verb, command->seed, "Draws the weights that the network lacks");
  verb->footer(
      "What was measured is remembered for the next compilation of the network.\n\n"
      "Examples:\n"
      "  rung compile zoo:resnet50\n"
      "  rung compile unet.rung --explain --shape 1x3x256x256\n"
      "  rung compile resnet18.onnx --precision bf16 --threads 1 --json steps.json\n"
      "  rung compile zoo:resnet18 --deterministic-plan --explain");
  verb->callback([command] { compile_verb(*command); });
}

}  // namespace rung::cli
