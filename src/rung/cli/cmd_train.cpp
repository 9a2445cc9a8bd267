#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/base/text.h"
#include "rung/cli/open_model.h"
#include "rung/cli/progress.h"
#include "rung/cli/task_report.h"
#include "rung/cli/train_pictures.h"
#include "rung/cli/verbs.h"
#include "rung/cli/write_model.h"
#include "rung/train/recipe.h"
#include "rung/train/trainer.h"

namespace rung::cli {
namespace {

struct TrainCommand {
  std::string recipe;
  std::vector<std::string> settings;
  OutputOptions output;
  bool resume = false;
  bool explain = false;
};

int64_t weight_count(const ModuleImpl& net, bool trained_only) {
  int64_t count = 0;
  for (const auto& parameter : net.parameters()) {
    if (!trained_only || parameter.requires_grad()) count += parameter.numel();
  }
  return count;
}

void freeze(ModuleImpl& net, const std::vector<std::string>& globs) {
  if (globs.empty()) return;
  const size_t frozen = net.freeze(globs);
  std::printf("frozen: %zu of %zu weight tensors (%s)\n", frozen, net.parameters().size(),
              join(globs, ", ").c_str());
}

void print_result(const TrainLog& log, const Recipe& recipe) {
  std::printf("%s after %zu epochs, %s; best: epoch %lld\n", log.stopped_early ? "stopped" : "done",
              log.epochs.size(), duration_text(log.seconds()).c_str(),
              static_cast<long long>(log.best_epoch));
  if (log.test) {
    std::printf("test: loss %.4f", log.test->loss);
    for (size_t i = 0; i < log.metrics.size(); ++i) {
      std::printf("  %s %.4f", log.metrics[i].name.c_str(), log.test->metrics[i]);
    }
    std::printf("\n%s%s", class_tables(log.test->details).c_str(),
                target_tables(log.test->details).c_str());
  }
  std::printf("results: %s (best.rung, history.csv, curves.svg, predictions)\n",
              recipe.out.string().c_str());
}

// Where the best network goes besides the folder of the results: -o, else the recipe's
// train.export.
OutputOptions output_of(const TrainCommand& command, const Recipe& recipe) {
  OutputOptions output = command.output;
  if (!output.file && !recipe.exported.empty()) output.file = recipe.exported.string();
  check_network_output(output, command.output.file ? "-o" : "train.export =");
  if (output.opset && !output.file) fail_user("--opset is for -o OUT.onnx, which is not given");
  return output;
}

/// What users of the network must know: of the first output, and of several, of each by its name.
nlohmann::json facts_of(const OpenedData& data, const Objective& objective) {
  const auto& goals = objective.goals();
  nlohmann::json facts = data.facts();
  facts["task"] = goals[0].task->name();
  for (const Goal& goal : goals) {
    if (goals.size() == 1) break;
    auto& output = facts["outputs"][goal.name];
    output = data.target(goal.target).facts();
    output["task"] = goal.task->name();
  }
  return facts;
}

void run_train(const TrainCommand& command) {
  const Recipe recipe = load_recipe(command.recipe, command.settings, open_file);
  const OutputOptions output = output_of(command, recipe);
  if (command.explain) std::fputs(recipe.plan.explain().c_str(), stdout);
  const OpenedData data = open_data(recipe);
  Model joined = joined_network(recipe, data);
  const Objective objective = make_objective(recipe, data, joined.graph);
  const Task& task = *objective.goals()[0].task;
  const nlohmann::json facts = facts_of(data, objective);
  joined.about["task"] = facts.dump();
  Module net(joined, ModuleOptions{.seed = recipe.train.seed});
  freeze(*net, recipe.freeze);
  std::printf("%s: %s\n", objective.name().c_str(), data.text.c_str());
  for (const auto& note : recipe.notes) std::printf("note: %s\n", note.c_str());
  for (const auto& note : data.notes) std::printf("note: %s\n", note.c_str());
  std::printf("network: %s weights, %s of them trained; skips: %zu\n",
              with_thousands(weight_count(*net, false)).c_str(),
              with_thousands(weight_count(*net, true)).c_str(), joined.graph.skips().size());
  if (!command.resume && path_exists(recipe.out / "checkpoint.safetensors")) {
    std::printf("results: replacing those of an earlier run in %s\n", recipe.out.string().c_str());
  }
  std::fflush(stdout);
  ProgressView view(objective.metrics(), recipe.train.epochs);
  const TrainLog log =
      train(*net, data.parts, objective, recipe.train,
            {.folder = recipe.out,
             .settings = recipe.settings,
             .digests = data.digests,
             .resume = command.resume,
             .on_note = [](const std::string& note) { std::printf("note: %s\n", note.c_str()); },
             .on_step = [&](const TrainProgress& at) { view.step(at); },
             .on_epoch =
                 [&](const TrainLog& so_far) {
                   view.epoch(so_far);
                   draw_curves(so_far, recipe.out);
                 }});
  const auto& parts = data.parts;
  const ShownPart shown = parts.test->size() > 0 ? ShownPart{*parts.test, "test"}
                          : parts.validation->size() > 0
                              ? ShownPart{*parts.validation, "validation"}
                              : ShownPart{*parts.train, "training"};
  write_file(recipe.out / "data.json", facts.dump(1) + "\n");
  draw_predictions(*net, data, shown, task, recipe.train, recipe.out);
  print_result(log, recipe);
  if (output.file) save_any_model(objective.without_hints(net->model()), output);
}

}  // namespace

void add_train(CLI::App& app) {
  auto* verb = app.add_subcommand("train", "Trains a network as a recipe says");
  const auto command = std::make_shared<TrainCommand>();
  verb->add_option("RECIPE", command->recipe, "A TOML file; its keys: docs/recipe.md")->required();
  verb->add_option("--set", command->settings, "Changes a key of the recipe")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  add_output_options(*verb, command->output)
      ->description("Writes the best network here too, .rung or .onnx; else to train.export");
  verb->add_flag("--resume", command->resume,
                 "Goes on from the last checkpoint; the result is that of an uninterrupted run");
  verb->add_flag("--explain", command->explain, "Prints the plan of the skips first");
  verb->footer(
      "Results go to the folder train.out (missing: RECIPE_out beside the recipe).\n\n"
      "Examples:\n"
      "  rung train unet.toml\n"
      "  rung train unet.toml -o unet.onnx\n"
      "  rung train unet.toml --set train.epochs=3 --set train.optimizer.lr=1e-3\n"
      "  rung train unet.toml --set skip.0.merge=add --set models.encoder.settings.in=1 --explain\n"
      "  rung train unet.toml --resume");
  verb->callback([command] { run_train(*command); });
}

}  // namespace rung::cli
