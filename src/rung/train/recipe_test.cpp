#include "rung/train/recipe.h"

#include <cstdlib>

#include "rung/base/expect_error.h"
#include "rung/base/file.h"
#include "rung/base/temp_folder.h"
#include "rung/blocks/zoo.h"
#include "rung/io/model_file.h"
#include "rung/io/safetensors.h"

namespace rung {
namespace {

const std::string kUnet =
    "[models.encoder]\n"                                          // 1
    "zoo = 'encoder'\n"                                           // 2
    "settings = { in = 1, base = 4, stages = 3, size = 32 }\n"    // 3
    "freeze = ['stage1']\n"                                       // 4
    "[models.decoder]\n"                                          // 5
    "zoo = 'decoder'\n"                                           // 6
    "settings = { in = 16, levels = 2, width = 16, size = 8 }\n"  // 7
    "input = 'encoder/stage3'\n"                                  // 8
    "[[skip]]\n"                                                  // 9
    "from = 'encoder/stage2'\n"                                   // 10
    "to = 'decoder/up1'\n"                                        // 11
    "merge = 'concat'\n"                                          // 12
    "[data]\n"                                                    // 13
    "task = 'segmentation'\n"                                     // 14
    "images = 'images'\n"                                         // 15
    "masks = '${RUNG_TEST_MASKS}/m'\n"                            // 16
    "crop = [16, 24]\n"                                           // 17
    "[train]\n"                                                   // 18
    "epochs = 3\n"                                                // 19
    "optimizer = { kind = 'sgd', lr = 0.5 }\n";                   // 20

class RecipeTest : public testing::Test {
 protected:
  RecipeTest() { ::setenv("RUNG_TEST_MASKS", "/somewhere", 1); }
  Recipe load(const std::string& text, const std::vector<std::string>& sets = {}) {
    write_file(folder_ / "r.toml", text);
    return load_recipe(folder_ / "r.toml", sets);
  }
  std::string error(const std::string& text, const std::vector<std::string>& sets = {}) {
    return user_error([&] { load(text, sets); });
  }
  std::string replaced(const std::string& from, const std::string& to) const {
    std::string text = kUnet;
    const auto at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  }
  TempFolder folder_;
};

TEST_F(RecipeTest, JoinsItsNetworksAndReadsEveryTable) {
  const Recipe recipe = load(kUnet);
  ASSERT_EQ(recipe.plan.skips().size(), 1u);
  EXPECT_EQ(recipe.plan.skips()[0].merge, "concat");
  EXPECT_EQ(recipe.plan.apply().graph.inputs().size(), 1u);
  EXPECT_EQ(recipe.freeze, (std::vector<std::string>{"encoder/stage1"}));
  const auto& data = std::get<SegmentationData>(recipe.data);
  EXPECT_EQ(data.images, folder_ / "images");
  EXPECT_EQ(data.masks, "/somewhere/m");
  EXPECT_EQ(data.crop, (std::pair<int64_t, int64_t>{16, 24}));
  EXPECT_TRUE(data.augment.rotate);
  EXPECT_EQ(recipe.train.epochs, 3);
  EXPECT_EQ(recipe.train.optimizer.kind, "sgd");
  EXPECT_EQ(recipe.train.optimizer.lr, 0.5);
  EXPECT_EQ(recipe.out, folder_ / "r_out");
}

TEST_F(RecipeTest, KeysAreChangedFromOutside) {
  const Recipe recipe =
      load(kUnet, {"train.epochs=7", "skip.0.merge=add", "train.out=\"o\"",
                   "models.encoder.settings.base=8", "models.decoder.settings.in=32"});
  EXPECT_EQ(recipe.train.epochs, 7);
  EXPECT_EQ(recipe.plan.skips()[0].merge, "add");
  EXPECT_EQ(recipe.plan.skips()[0].source.shape[1], 16);
  EXPECT_EQ(recipe.out, folder_ / "o");
  EXPECT_NE(error(kUnet, {"train.epochs"}).find("--set KEY=VALUE"), std::string::npos);
  EXPECT_NE(error(kUnet, {"train.epoch=3"}).find("did you mean epochs?"), std::string::npos);
}

TEST_F(RecipeTest, MistakesNameTheirLine) {
  EXPECT_NE(error(replaced("epochs = 3", "epoch = 3"))
                .find("r.toml:19: train.epoch: there is no such key, did you mean epochs?"),
            std::string::npos);
  EXPECT_NE(error(replaced("epochs = 3", "epochs = 0")).find("r.toml:19: train.epochs is 0"),
            std::string::npos);
  EXPECT_NE(error(replaced("merge = 'concat'", "merge = 'cat'")).find("r.toml:12: skip.0.merge"),
            std::string::npos);
  EXPECT_NE(error(replaced("merge = 'concat'", "mode = 'x'")).find("a skip has no 'mode'"),
            std::string::npos);
  EXPECT_NE(error(replaced("from = 'encoder/stage2'", "")).find("needs from and to"),
            std::string::npos);
  EXPECT_NE(
      error(replaced("zoo = 'encoder'", "zoo = 'encode'")).find("r.toml:2: models.encoder.zoo"),
      std::string::npos);
  EXPECT_NE(error(replaced("zoo = 'encoder'", "")).find("needs either zoo"), std::string::npos);
  EXPECT_NE(error(replaced("'segmentation'", "'segment'")).find("r.toml:14: data.task"),
            std::string::npos);
  EXPECT_NE(error(replaced("masks =", "mask =")).find("data"), std::string::npos);
  EXPECT_NE(error(replaced("crop = [16, 24]", "crop = 16")).find("r.toml:17: data.crop"),
            std::string::npos);
  EXPECT_NE(error(replaced("kind = 'sgd'", "kind = 'lion'")).find("sgd, adam, adamw"),
            std::string::npos);
  EXPECT_NE(error(replaced("[data]", "[dat]")).find("has no [data]"), std::string::npos);
  EXPECT_NE(error("").find("names no network"), std::string::npos);
  EXPECT_NE(error("a = \n").find("r.toml:1: "), std::string::npos);
  ::unsetenv("RUNG_TEST_MASKS");
  EXPECT_NE(error(kUnet).find("RUNG_TEST_MASKS is not set"), std::string::npos);
}

TEST_F(RecipeTest, OneInputAndOneOutputAreNeeded) {
  const auto message = error(replaced("input = 'encoder/stage3'\n", ""));
  EXPECT_NE(message.find("training wants one input and one output"), std::string::npos) << message;
}

TEST_F(RecipeTest, SideModeFreezesAndDetaches) {
  const Recipe recipe = load(kUnet + "side = ['encoder']\n");
  EXPECT_EQ(recipe.freeze.back(), "encoder/*");
  bool detached = false;
  for (const auto& node : recipe.plan.apply().graph.nodes()) {
    detached = detached || std::holds_alternative<ops::Detach>(node.op);
  }
  EXPECT_TRUE(detached);
  EXPECT_NE(error(kUnet + "side = ['enc']\n").find("they are decoder, encoder"), std::string::npos);
  EXPECT_NE(error(kUnet + "side = ['decoder']\n").find("changes 'decoder'"), std::string::npos);
  const std::string wired =
      replaced("[[skip]]\nfrom = 'encoder/stage2'\nto = 'decoder/up1'\nmerge = 'concat'\n", "");
  EXPECT_NE(error(wired + "side = ['decoder']\n")
                .find("'decoder' is fed by 'encoder/stage3', which is trained"),
            std::string::npos);
}

TEST_F(RecipeTest, FilesAndWeightsOfNetworks) {
  Model model = zoo("skip_net", {{"depth", "4"}, {"width", "4"}, {"size", "8"}});
  draw_missing(model, 3);
  save_model(model, folder_ / "net.rung");
  save_safetensors(folder_ / "w.safetensors", {.tensors = model.weights});
  const std::string rest = "[data]\ntask = 'classification'\nidx = 'x'\n";
  const Recipe file = load("[models.net]\nfile = 'net.rung'\n" + rest);
  EXPECT_TRUE(file.plan.apply().weights.at("fc.weight").identical(model.weights.at("fc.weight")));
  const std::string zoo_text =
      "[models.net]\nzoo = 'skip_net'\nsettings = { depth = 4, width = 4, size = 8 }\n";
  const Recipe loaded = load(zoo_text + "weights = 'w.safetensors'\n" + rest);
  EXPECT_TRUE(loaded.plan.apply().weights.at("fc.weight").identical(model.weights.at("fc.weight")));
  EXPECT_NE(error("[models.net]\nfile = 'net.rung'\nsettings = { in = 1 }\n" + rest)
                .find("only built-in networks"),
            std::string::npos);
  EXPECT_NE(error("[models.net]\nfile = 'absent.rung'\n" + rest).find("absent.rung"),
            std::string::npos);
}

TEST_F(RecipeTest, FilesOfOtherKindsAndSizesGoToTheFunctionThatOpensThem) {
  const std::string rest = "[data]\ntask = 'classification'\nidx = 'x'\n";
  std::filesystem::path opened;
  InputShapes given;
  const auto load_with = [&](const std::string& text) {
    write_file(folder_ / "r.toml", text + rest);
    return load_recipe(folder_ / "r.toml", {}, [&](const auto& path, const InputShapes& shapes) {
      opened = path;
      given = shapes;
      return zoo("skip_net", {{"depth", "4"}, {"width", "4"}, {"size", "8"}});
    });
  };
  load_with("[models.net]\nfile = 'net.onnx'\nshape = { 'input.1' = [1, 1, 8, 8] }\n");
  EXPECT_EQ(opened, folder_ / "net.onnx");
  EXPECT_EQ(given, (InputShapes{{"input.1", {1, 1, 8, 8}}}));
  load_with("[models.net]\nfile = 'net.onnx'\nshape = [2, 1, 8, 8]\n");
  EXPECT_EQ(given, (InputShapes{{"", {2, 1, 8, 8}}}));
  const Recipe recipe = load("[models.net]\nzoo = 'skip_net'\nshape = [2, 1, 12, 16]\n" + rest +
                             "[train]\nexport = 'net.onnx'\n");
  const Graph& graph = recipe.plan.apply().graph;
  EXPECT_EQ(graph.type({graph.inputs().at(0), 0}).shape, (Shape{2, 1, 12, 16}));
  EXPECT_EQ(recipe.exported, folder_ / "net.onnx");
  EXPECT_NE(error("[models.net]\nzoo = 'skip_net'\nshape = [2, 0, 12, 16]\n" + rest)
                .find("r.toml:3: models.net.shape is [2, 0, 12, 16]; sizes are 1 or more"),
            std::string::npos);
  EXPECT_NE(error("[models.net]\nzoo = 'skip_net'\nshape = [2, 1]\n" + rest)
                .find("and the sizes [2, 1] are given"),
            std::string::npos);
}

TEST_F(RecipeTest, ClassesKeepTheOrderOfTheFile) {
  const auto meaning = [&](const std::string& keys) {
    return std::get<SegmentationData>(load(replaced("crop = [16, 24]\n", keys)).data).meaning;
  };
  const MaskMeaning numbers = meaning("classes = { zebra = 3, ape = 0 }\nignore = 9\n");
  ASSERT_EQ(numbers.classes.size(), 2u);
  EXPECT_EQ(numbers.classes[0].name, "zebra");
  EXPECT_EQ(std::get<int64_t>(*numbers.classes[1].mark), 0);
  EXPECT_EQ(std::get<int64_t>(*numbers.ignore), 9);
  const MaskMeaning colors = meaning("classes = { b = '#000000', a = '#00ff00' }\n");
  EXPECT_EQ(std::get<Color>(*colors.classes[1].mark), (Color{0, 255, 0}));
  EXPECT_TRUE(meaning("classes = ['b', 'a']\n").in_folders());
  EXPECT_EQ(*meaning("threshold = 100\n").threshold, 100);
}

TEST_F(RecipeTest, LossesKeepTheTasksOwnTermsUnlessTheyAreSetToZero) {
  const auto loss = [&](const std::string& keys) {
    return load(replaced("epochs = 3\n", "epochs = 3\nloss = " + keys + "\n")).loss.options;
  };
  EXPECT_TRUE(loss("{ label_smoothing = 0.1 }").terms.empty());
  const LossOptions options = loss("{ dice = 0, focal = { weight = 0.5, gamma = 3 } }");
  ASSERT_EQ(options.terms.size(), 3u);  // by name: cross_entropy, dice, focal
  EXPECT_EQ(options.terms[0].weight, 1);
  EXPECT_EQ(options.terms[1].weight, 0);
  EXPECT_EQ(options.terms[2].gamma, 3);
  EXPECT_TRUE(load(replaced("epochs = 3\n", "epochs = 3\nloss = { class_weights = 'frequency' }\n"))
                  .loss.weigh_classes);
}

TEST_F(RecipeTest, PartsFollowTheSeedOfTheRunUnlessTheyHaveTheirOwn) {
  const auto seed = [&](const std::vector<std::string>& sets) {
    return std::get<SegmentationData>(load(kUnet, sets).data).seed;
  };
  EXPECT_EQ(seed({}), 0u);
  EXPECT_EQ(seed({"train.seed=7"}), 7u);
  EXPECT_EQ(seed({"train.seed=7", "data.seed=2"}), 2u);
}

TEST_F(RecipeTest, PretrainedWeightsBringTheirNormalizationAndMeetANewHead) {
  Model trained = zoo("resnet18", {{"classes", "4"}});
  draw_missing(trained, 3);
  std::filesystem::create_directories(folder_ / "weights");
  save_safetensors(folder_ / "weights/model.safetensors",
                   {.tensors = trained.weights, .metadata = {}});
  write_file(
      folder_ / "weights/config.json",
      R"({"architecture": "resnet18", "pretrained_cfg": {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.2, 0.2]}})");
  const std::string text =
      "[models.net]\nzoo = 'resnet18'\nsettings = { classes = 4 }\nweights = 'weights'\n"
      "[data]\ntask = 'classification'\nfolder = 'f'\n";
  const Recipe whole = load(text);
  EXPECT_TRUE(whole.plan.apply().graph.find("normalize.shift"));
  EXPECT_EQ(whole.notes.size(), 1u);
  EXPECT_EQ(whole.plan.apply().weights.size(), trained.weights.size());
  const Recipe other = load(text, {"models.net.head=6"});
  const Graph& graph = other.plan.apply().graph;
  EXPECT_EQ(graph.type(graph.outputs()[0].value).shape, (Shape{1, 6}));
  ASSERT_EQ(other.notes.size(), 2u);
  EXPECT_NE(other.notes[0].find("drawn        fc.weight"), std::string::npos) << other.notes[0];
  EXPECT_FALSE(other.plan.apply().weights.contains("fc.weight"));
  EXPECT_NE(error(text, {"models.net.settings.classes=6"}).find("2 of the wrong shape"),
            std::string::npos);
  EXPECT_NE(load(text, {"models.net.settings.classes=6", "models.net.partial=true"})
                .notes[0]
                .find("2 of the wrong shape"),
            std::string::npos);
  EXPECT_NE(error(text, {"models.net.head=\"old\""}).find("it is \"new\", or a number"),
            std::string::npos);
}

}  // namespace
}  // namespace rung
