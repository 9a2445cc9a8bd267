// The recipes of examples/recipes: all are read, and where the data is (RUNG_DATA, see README),
// each is run for a little while.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "rung/base/temp_folder.h"
#include "rung/train/recipe.h"
#include "rung/train/trainer.h"

namespace rung {
namespace {

namespace fs = std::filesystem;

fs::path recipe_file(const std::string& name) {
  return fs::path(RUNG_EXAMPLES) / "recipes" / (name + ".toml");
}

const std::vector<std::string> kRecipes = {"fashion_add", "fashion_concat",  "fashion_plain",
                                           "nuclei",      "nuclei_no_skips", "nuclei_classes",
                                           "ett_system3"};

size_t layers(const Graph& graph) {
  size_t count = 0;
  for (const auto& node : graph.nodes()) {
    const auto* conv = std::get_if<ops::Conv>(&node.op);
    const bool projection = conv != nullptr && graph.type(node.inputs[1]).shape[2] == 1;
    count += (conv != nullptr && !projection) || std::holds_alternative<ops::Linear>(node.op);
  }
  return count;
}

TEST(Recipes, AllAreReadAndListed) {
  if (std::getenv("RUNG_DATA") == nullptr) ::setenv("RUNG_DATA", "/nowhere", 1);
  size_t files = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(RUNG_EXAMPLES) / "recipes")) {
    files += entry.path().extension() == ".toml";
  }
  EXPECT_EQ(files, kRecipes.size());
  for (const auto& name : kRecipes) {
    SCOPED_TRACE(name);
    const Recipe recipe = load_recipe(recipe_file(name), {});
    const Graph& graph = recipe.plan.apply().graph;
    if (name.starts_with("fashion")) {
      EXPECT_EQ(layers(graph), 18u);
    }
    if (name == "fashion_plain" || name == "nuclei_no_skips") {
      EXPECT_TRUE(graph.skips().empty());
    }
    if (name == "nuclei") {
      EXPECT_EQ(graph.skips().size(), 3u);
    }
  }
}

/// Runs a recipe, changed to be short, into a folder that is removed.
TrainLog run(const std::string& name, std::vector<std::string> sets) {
  const TempFolder folder;
  sets.push_back("train.out=" + (folder / "out").string());
  sets.push_back("train.threads=1");  // tests run side by side, and OpenMP would wait for itself
  const Recipe recipe = load_recipe(recipe_file(name), sets);
  const OpenedData data = open_data(recipe);
  Module net(recipe.plan.apply(), ModuleOptions{.seed = recipe.train.seed});
  return train(*net, data.parts, make_objective(recipe, data, net->graph()), recipe.train,
               {.folder = recipe.out});
}

bool data_is_absent(const std::string& name) {
  const char* root = std::getenv("RUNG_DATA");
  return root == nullptr || !fs::is_directory(fs::path(root) / name);
}
#define SKIP_WITHOUT(name) \
  if (data_is_absent(name)) GTEST_SKIP() << "RUNG_DATA/" name " is not there"

/// Small versions of the recipes' networks, for minutes are too long for a test.
void expect_learning(const TrainLog& log) {
  ASSERT_GT(log.epochs.size(), 1u);
  EXPECT_LT(log.epochs.back().train.loss, log.epochs.front().train.loss);
  ASSERT_TRUE(log.test);
  EXPECT_TRUE(std::isfinite(log.test->loss));
}

TEST(RealData, FashionMnistIsLearned) {
  SKIP_WITHOUT("fashion-mnist");
  for (const char* name : {"fashion_add", "fashion_concat"}) {
    const TrainLog log = run(name, {"data.limit=1500", "train.epochs=2", "train.batch=32",
                                    "models.net.settings.width=4"});
    expect_learning(log);
    EXPECT_GT(log.test->metrics[0], 0.15) << name;  // one in ten is chance
  }
}

TEST(RealData, System3IsMeasuredBesideRepeatingTheLastValue) {
  SKIP_WITHOUT("ett-small");
  const TrainLog log = run("ett_system3", {"train.epochs=2", "data.split=[1200, 200, 200]",
                                           "data.window=24", "models.net.settings.hidden=16"});
  expect_learning(log);
  EXPECT_EQ(log.metrics[2].name, "mse_repeat");
  EXPECT_LT(log.test->metrics[0], 2 * log.test->metrics[2]);
}

TEST(RealData, NucleiAreRead) {
  SKIP_WITHOUT("dsb2018-nuclei");
  for (const char* name : {"nuclei", "nuclei_classes"}) {
    SCOPED_TRACE(name);
    expect_learning(run(name, {"train.epochs=2", "models.encoder.settings.base=4",
                               "models.decoder.settings.in=32", "data.crop=[64, 64]"}));
  }
}

}  // namespace
}  // namespace rung
