#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>

#include "rung/base/cores.h"
#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/base/text.h"
#include "rung/cli/open_model.h"
#include "rung/cli/task_facts.h"
#include "rung/cli/task_report.h"
#include "rung/cli/verbs.h"
#include "rung/exec/eager/device.h"
#include "rung/train/checkpoint.h"
#include "rung/train/recipe.h"
#include "rung/train/trainer.h"

namespace rung::cli {
namespace {

struct EvaluateCommand {
  std::string recipe;
  std::vector<std::string> settings;
  std::string network;
  std::string part = "test";
  std::string json;
};

const Dataset& part_of(const OpenedData& data, const std::string& part) {
  const auto& chosen = part == "test"         ? data.parts.test
                       : part == "validation" ? data.parts.validation
                                              : data.parts.train;
  if (chosen->size() == 0) {
    fail_user("--part {}: the data have no such part; {}", part, data.text);
  }
  return *chosen;
}

void check(const EvaluateCommand& command) {
  const std::vector<std::string> parts = {"train", "validation", "test"};
  if (std::find(parts.begin(), parts.end(), command.part) == parts.end()) {
    fail_user("--part {}: it is one of {}", quoted(command.part), join(parts, ", "));
  }
  if (!command.json.empty()) check_writable(command.json);
}

/// Refuses classes other than those that the network was trained for: its channels mean those.
void check_meaning(const Model& model, const OpenedData& data, const std::string& file) {
  const TaskFacts facts = task_facts(model);
  if (facts.classes.empty() || data.names.empty() || facts.classes == data.names) return;
  fail_user(
      "the classes of the data are not those of {}\n  data     {}\n  network  {}\n"
      "  rule    a channel means the class that it was trained for, in that order",
      file, join(data.names, ", "), join(facts.classes, ", "));
}

/// Targets are scaled as the network was trained; where it does not say how, that is said.
void take_scales(const TaskFacts& facts, Recipe& recipe) {
  auto* data = std::get_if<RegressionData>(&recipe.data);
  if (data == nullptr) return;
  for (const auto& target : facts.targets) {
    data->scales.push_back({target.name, target.mean, target.deviation});
  }
  if (!data->scales.empty() || !facts.task.empty()) return;
  std::printf(
      "note: the network does not say how its targets are scaled; its numbers are taken for "
      "standard deviations from the mean of the training part\n");
}

/// Refuses a network that rung trained for something else: its numbers mean that.
void check_task(const TaskFacts& facts, const Task& task, const std::string& file) {
  if (facts.task.empty() || facts.task == task.name()) return;
  fail_user("{} was trained for {}, and the recipe's task is {}", file, facts.task, task.name());
}

/// Says where the parts may not be those of the training.
void note_other_run(const Recipe& recipe, const OpenedData& data) {
  const auto checkpoint = recipe.out / "checkpoint.safetensors";
  if (!path_exists(checkpoint)) return;
  const std::string why = differs_from_run(
      checkpoint, {.options = recipe.train, .settings = recipe.settings, .digests = data.digests});
  if (why.empty()) return;
  std::printf(
      "note: data or settings are not those of the training, so this part may hold samples "
      "that were trained on:\n%s\n",
      why.c_str());
}

void run_evaluate(const EvaluateCommand& command) {
  check(command);
  Recipe recipe = load_recipe(command.recipe, command.settings, open_file);
  const std::filesystem::path file =
      command.network.empty() ? recipe.out / "best.rung" : std::filesystem::path(command.network);
  if (command.network.empty() && !path_exists(file)) {
    fail_user(
        "there is no {}: the recipe was not trained; --network FILE evaluates another network",
        file.string());
  }
  const Model model = open_file(file, {});
  take_scales(task_facts(model), recipe);
  const OpenedData data = open_data(recipe);
  if (command.network.empty()) note_other_run(recipe, data);
  at::set_num_threads(recipe.train.threads > 0 ? recipe.train.threads : usable_cores());
  const Objective objective = make_objective(recipe, data, model.graph);
  check_task(task_facts(model), *objective.goals()[0].task, file.string());
  check_meaning(model, data, file.string());
  Module net(model);
  net->to(find_device(recipe.train.device));
  const Dataset& part = part_of(data, command.part);
  const PartResult result = evaluate(*net, part, objective, recipe.train);
  std::printf("%s of %s on %lld samples (%s)\n", objective.name().c_str(), file.string().c_str(),
              static_cast<long long>(part.size()), command.part.c_str());
  std::printf("loss %.4f", result.loss);
  nlohmann::json out = {{"network", file.string()},
                        {"part", command.part},
                        {"samples", part.size()},
                        {"loss", result.loss}};
  for (size_t i = 0; i < result.metrics.size(); ++i) {
    const std::string name = objective.metrics()[i].name;
    std::printf("  %s %.4f", name.c_str(), result.metrics[i]);
    out["metrics"][name] = result.metrics[i];
  }
  std::printf("\n%s%s%s", class_tables(result.details).c_str(),
              confusion_tables(result.details).c_str(), target_tables(result.details).c_str());
  if (!result.details.is_null()) out["details"] = result.details;
  if (!command.json.empty()) write_file(command.json, out.dump(1) + "\n");
}

}  // namespace

void add_evaluate(CLI::App& app) {
  auto* verb = app.add_subcommand("evaluate", "Measures a network on a part of a recipe's data");
  const auto command = std::make_shared<EvaluateCommand>();
  verb->add_option("RECIPE", command->recipe, "The recipe whose data, task and network are meant")
      ->required();
  verb->add_option("--network", command->network,
                   "Another network than the recipe's trained one (best.rung in its folder of "
                   "results): .rung, .onnx, .pt or .pt2")
      ->type_name("FILE");
  verb->add_option("--part", command->part, "train, validation or test")->capture_default_str();
  verb->add_option("--set", command->settings, "Changes a key of the recipe")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  verb->add_option("--json", command->json, "Writes everything here too")->type_name("FILE");
  verb->footer(
      "Examples:\n"
      "  rung evaluate unet.toml\n"
      "  rung evaluate unet.toml --part validation --json unet.json\n"
      "  rung evaluate unet.toml --network other.onnx");
  verb->callback([command] { run_evaluate(*command); });
}

}  // namespace rung::cli
