// The recipes of examples/recipes: all are read, and where the data is (RUNG_DATA, see README),
// each is run for a little while.

#include <gtest/gtest.h>

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
                                           "nuclei",      "nuclei_no_skips", "ett_system3"};

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
  const Recipe recipe = load_recipe(recipe_file(name), sets);
  const OpenedData data = open_data(recipe);
  Module net(recipe.plan.apply(), ModuleOptions{.seed = recipe.train.seed});
  return train(*net, data.parts, *make_task(recipe, data), recipe.train, {.folder = recipe.out});
}

bool data_is_absent(const std::string& name) {
  const char* root = std::getenv("RUNG_DATA");
  return root == nullptr || !fs::is_directory(fs::path(root) / name);
}
#define SKIP_WITHOUT(name) \
  if (data_is_absent(name)) GTEST_SKIP() << "RUNG_DATA/" name " is not there"

TEST(RealData, FashionMnistIsLearned) {
  SKIP_WITHOUT("fashion-mnist");
  for (const char* name : {"fashion_add", "fashion_concat"}) {
    const TrainLog log =
        run(name, {"data.limit=2500", "train.epochs=1", "train.optimizer.lr=0.05"});
    ASSERT_TRUE(log.test);
    EXPECT_GT(log.test->metrics[0], 0.3) << name;  // one in ten is chance
  }
}

TEST(RealData, System3BeatsRepeatingTheLastValue) {
  SKIP_WITHOUT("ett-small");
  const TrainLog log = run("ett_system3", {"train.epochs=2"});
  ASSERT_TRUE(log.test);
  EXPECT_EQ(log.metrics[2].name, "mse_repeat");
  EXPECT_LT(log.test->metrics[0], log.test->metrics[2]);
}

TEST(RealData, NucleiAreFound) {
  SKIP_WITHOUT("dsb2018-nuclei");
  const TrainLog log = run("nuclei", {"train.epochs=3", "train.batch=4"});
  ASSERT_TRUE(log.test);
  EXPECT_GT(log.test->metrics[0], 0.3);
}

}  // namespace
}  // namespace rung
