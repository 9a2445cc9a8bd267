#include "rung/train/trainer.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "rung/base/expect_error.h"
#include "rung/base/file.h"
#include "rung/base/temp_folder.h"
#include "rung/blocks/zoo.h"
#include "rung/graph/builder.h"
#include "rung/io/model_file.h"
#include "rung/join/plan.h"

namespace rung {
namespace {

/// Little images, of class 1 where the left half is brighter.
class Halves : public Dataset {
 public:
  explicit Halves(int64_t count, uint64_t seed) {
    torch::manual_seed(seed);
    images_ = torch::rand({count, 1, 8, 8});
    const at::Tensor left = images_.narrow(3, 0, 4).mean({1, 2, 3});
    labels_ = (left > images_.narrow(3, 4, 4).mean({1, 2, 3})).to(at::kLong);
  }
  int64_t size() const override { return images_.size(0); }
  std::vector<int64_t> shape(int64_t, bool) const override { return {1, 8, 8}; }
  Batch batch(std::span<const int64_t> indices, Rng* rng) const override {
    const at::Tensor chosen = torch::tensor(std::vector<int64_t>(indices.begin(), indices.end()));
    at::Tensor images = images_.index_select(0, chosen);
    if (rng != nullptr) images = images + 0.01 * rng->normal();
    return {images, labels_.index_select(0, chosen)};
  }

 private:
  at::Tensor images_, labels_;
};

DataParts halves(int64_t count = 48) {
  return {std::make_shared<Halves>(count, 1), std::make_shared<Halves>(24, 2),
          std::make_shared<Halves>(count, 3)};
}

Model small_net() {
  return zoo("skip_net", {{"depth", "4"}, {"width", "4"}, {"classes", "2"}, {"size", "8"}});
}

const TrainOptions kOptions = {.epochs = 4,
                               .batch = 16,
                               .seed = 5,
                               .optimizer = {.lr = 1e-2},
                               .schedule = {.kind = "one_cycle"},
                               .threads = 1};

void expect_same_bits(const ModuleImpl& a, const ModuleImpl& b) {
  for (const auto& [name, tensor] : a.weights()) {
    EXPECT_TRUE(torch::equal(tensor, b.weights().at(name))) << name;
  }
}

TEST(Trainer, LearnsAndLeavesItsFiles) {
  const TempFolder folder;
  Module net(small_net(), ModuleOptions{.seed = 1});
  TrainOptions options = kOptions;
  options.epochs = 30;
  const auto task = classification_task({.classes = 2});
  const TrainLog log = train(*net, halves(400), *task, options, {.folder = folder / "out"});
  ASSERT_EQ(log.epochs.size(), 30u);
  EXPECT_LT(log.epochs.back().train.loss, 0.7 * log.epochs.front().train.loss);
  ASSERT_TRUE(log.test);
  EXPECT_GT(log.test->metrics[0], 0.75);
  const std::string history = read_file(folder / "out/history.csv");
  EXPECT_TRUE(history.starts_with("epoch,rate,seconds,train_loss,train_accuracy,train_f1,"))
      << history;
  EXPECT_EQ(std::count(history.begin(), history.end(), '\n'), 31);
  // The network is left with the best epoch's weights, which best.rung holds.
  Module best(load_model(folder / "out/best.rung"));
  expect_same_bits(*net, *best);
  std::set<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder / "out")) {
    files.insert(entry.path().filename().string());
  }
  EXPECT_EQ(files, (std::set<std::string>{"best.rung", "checkpoint.safetensors", "history.csv",
                                          "last.rung", "log.json"}));
}

TEST(Trainer, SameSeedSameBits) {
  const auto task = classification_task({.classes = 2});
  Module a(small_net(), ModuleOptions{.seed = 1}), b(small_net(), ModuleOptions{.seed = 1});
  train(*a, halves(), *task, kOptions);
  train(*b, halves(), *task, kOptions);
  expect_same_bits(*a, *b);
}

struct Interrupted {};

TEST(Trainer, ARunThatWasInterruptedEndsWithTheSameBits) {
  for (const char* kind : {"sgd", "adam", "adamw"}) {
    const TempFolder folder;
    TrainOptions options = kOptions;
    options.optimizer.kind = kind;
    const auto task = classification_task({.classes = 2});
    Module whole(small_net(), ModuleOptions{.seed = 1});
    train(*whole, halves(), *task, options, {.folder = folder / "a"});
    Module first(small_net(), ModuleOptions{.seed = 1});
    const TrainRun stopped = {.folder = folder / "b", .on_epoch = [](const TrainLog& log) {
                                if (log.epochs.size() == 2) throw Interrupted();
                              }};
    EXPECT_THROW(train(*first, halves(), *task, options, stopped), Interrupted);
    Module second(small_net(), ModuleOptions{.seed = 77});
    const TrainLog log =
        train(*second, halves(), *task, options, {.folder = folder / "b", .resume = true});
    EXPECT_EQ(log.epochs.size(), 4u) << kind;
    Module a(load_model(folder / "a/last.rung")), b(load_model(folder / "b/last.rung"));
    expect_same_bits(*a, *b);
    expect_same_bits(*whole, *second);
  }
}

TEST(Trainer, ResumingNeedsTheSameSettingsAndNetwork) {
  const TempFolder folder;
  const auto task = classification_task({.classes = 2});
  Module net(small_net());
  const auto resume = [&](ModuleImpl& module, const TrainOptions& options) {
    return user_error(
        [&] { train(module, halves(), *task, options, {.folder = folder / "a", .resume = true}); });
  };
  EXPECT_NE(resume(*net, kOptions).find("there is no checkpoint"), std::string::npos);
  TrainOptions one = kOptions;
  one.epochs = 1;
  train(*net, halves(), *task, one, {.folder = folder / "a"});
  TrainOptions other = one;
  other.optimizer.lr = 0.5;
  EXPECT_NE(resume(*net, other).find("optimizer.lr was 0.01 and is 0.5"), std::string::npos);
  Module wider(zoo("skip_net", {{"depth", "4"}, {"width", "8"}, {"classes", "2"}, {"size", "8"}}));
  EXPECT_NE(resume(*wider, one).find("it is of another network"), std::string::npos);
  write_file(folder / "a/checkpoint.safetensors", "broken");
  EXPECT_NE(resume(*net, one), "");
}

TEST(Trainer, ARunGoesOnForMoreEpochsWhereTheScheduleAllowsIt) {
  const TempFolder folder;
  const auto task = classification_task({.classes = 2});
  TrainOptions options = kOptions;
  options.schedule = {.kind = "step", .every = 3};
  Module whole(small_net(), ModuleOptions{.seed = 1}),
      parted(small_net(), ModuleOptions{.seed = 1});
  train(*whole, halves(), *task, options, {.folder = folder / "a"});
  options.epochs = 2;
  train(*parted, halves(), *task, options, {.folder = folder / "b"});
  options.epochs = 4;
  train(*parted, halves(), *task, options, {.folder = folder / "b", .resume = true});
  expect_same_bits(*whole, *parted);
  options.epochs = 3;
  const TrainRun fewer = {.folder = folder / "b", .resume = true};
  EXPECT_NE(user_error([&] {
              train(*parted, halves(), *task, options, fewer);
            }).find("epochs was 4 and is 3"),
            std::string::npos);
  options.schedule = {.kind = "cosine"};
  options.epochs = 2;
  train(*parted, halves(), *task, options, {.folder = folder / "c"});
  options.epochs = 4;
  const TrainRun more = {.folder = folder / "c", .resume = true};
  EXPECT_NE(user_error([&] {
              train(*parted, halves(), *task, options, more);
            }).find("epochs was 2 and is 4"),
            std::string::npos);
}

/// Images that hold a NaN.
class Broken : public Halves {
 public:
  using Halves::Halves;
  Batch batch(std::span<const int64_t> indices, Rng* rng) const override {
    Batch made = Halves::batch(indices, rng);
    made.input[0][0][0][0] = std::nan("");
    return made;
  }
};

// A causal mask of -inf, say.
TEST(Trainer, ABufferMayHoldInfinities) {
  Builder b;
  const Value x = b.input("x", {DType::kF32, {1, 1, 8, 8}, map_roles(4)});
  const Value mask = b.param("mask", {.shape = {2}, .buffer = true});
  const Value scores = b.linear("fc", b.flatten("flat", x), 2);
  b.output("y", b.binary("max", ops::BinaryFn::kMax, scores, mask));
  Model model = std::move(b).finish();
  const float low = -std::numeric_limits<float>::infinity();
  model.weights.emplace("mask", Tensor::f32({2}, {low, low}));
  Module net(model, ModuleOptions{.seed = 1});
  const auto task = classification_task({.classes = 2});
  EXPECT_EQ(train(*net, halves(), *task, kOptions).epochs.size(), 4u);
}

TEST(Trainer, WhatIsNotFiniteIsNeitherBestNorACheckpoint) {
  const TempFolder folder;
  const auto task = classification_task({.classes = 2});
  Module net(small_net(), ModuleOptions{.seed = 1});
  DataParts parts = halves();
  parts.validation = std::make_shared<Broken>(24, 2);
  const auto message =
      user_error([&] { train(*net, parts, *task, kOptions, {.folder = folder / "out"}); });
  EXPECT_NE(message.find("the validation loss is nan after epoch 1"), std::string::npos) << message;
  for (const char* name : {"best.rung", "last.rung", "checkpoint.safetensors"}) {
    EXPECT_FALSE(std::filesystem::exists(folder / "out" / name)) << name;
  }
}

TEST(Trainer, ALossThatIsNotFiniteEndsTheRun) {
  Module net(small_net());
  TrainOptions options = kOptions;
  options.optimizer = {.kind = "sgd", .lr = 1e6, .momentum = 0};
  options.schedule = {};
  const auto task = classification_task({.classes = 2});
  const auto message = user_error([&] { train(*net, halves(), *task, options); });
  EXPECT_NE(message.find("epoch 1"), std::string::npos) << message;
  EXPECT_NE(message.find("a smaller optimizer.lr"), std::string::npos) << message;
}

TEST(Trainer, StopsEarlyWhenNothingGetsBetter) {
  Module net(small_net());
  TrainOptions options = kOptions;
  options.epochs = 50;
  options.patience = 2;
  options.optimizer.lr = 0;  // nothing ever changes but the running statistics
  const auto task = classification_task({.classes = 2});
  const TrainLog log = train(*net, halves(), *task, options);
  EXPECT_TRUE(log.stopped_early);
  EXPECT_LT(log.epochs.size(), 50u);
  EXPECT_EQ(log.epochs.size(), static_cast<size_t>(log.best_epoch) + 2);
}

TEST(Trainer, FrozenWeightsStay) {
  Module net(small_net(), ModuleOptions{.seed = 1}), before(small_net(), ModuleOptions{.seed = 1});
  EXPECT_GT(net->freeze({"block1", "norm1"}), 0u);
  train(*net, halves(), *classification_task({.classes = 2}), kOptions);
  int64_t frozen = 0, moved = 0;
  for (const auto& [name, tensor] : net->weights()) {
    const bool same = torch::equal(tensor, before->weights().at(name));
    const bool chosen = name.starts_with("block1") || name.starts_with("norm1");
    if (chosen) {
      EXPECT_TRUE(same) << name;  // a frozen norm keeps its statistics, too
      ++frozen;
    } else {
      moved += same ? 0 : 1;
    }
  }
  EXPECT_GT(frozen, 4);
  EXPECT_GT(moved, 2);
  Module all(small_net());
  all->freeze({"*"});
  EXPECT_NE(user_error([&] {
              train(*all, halves(), *classification_task({.classes = 2}), kOptions);
            }).find("no weight to train"),
            std::string::npos);
}

TEST(Trainer, ANetworkThatDoesNotFitIsFoundBeforeAnythingIsWritten) {
  const TempFolder folder;
  Module net(zoo("skip_net", {{"depth", "4"}, {"width", "4"}, {"classes", "5"}, {"size", "8"}}));
  EXPECT_NE(user_error([&] {
              train(*net, halves(), *classification_task({.classes = 2}), kOptions,
                    {.folder = folder / "a"});
            }).find("classification of 2 classes needs an output"),
            std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(folder / "a"));
}

// x -> conv -> round -> u8 -> f32 -> mean -> y
TEST(Trainer, AQuantisedNetworkIsRefused) {
  Builder b;
  Value x = b.conv("conv", b.input("x", {1, 1, 8, 8}), {.out = 2});
  x = b.add("quantise", ops::Cast{DType::kU8}, {b.unary("round", ops::UnaryFn::kRound, x)});
  x = b.add("dequantise", ops::Cast{DType::kF32}, {x});
  b.output("y", b.flatten("flat", b.adaptive_pool("pool", x, {1, 1})));
  Module net(std::move(b).finish());
  const auto task = classification_task({.classes = 2});
  const std::string why =
      error_of(ErrorKind::kUnsupported, [&] { train(*net, halves(), *task, kOptions); });
  EXPECT_NE(why.find("node 'quantise' turns numbers into u8"), std::string::npos) << why;
}

TEST(Trainer, ClippingBoundsTheFirstStep) {
  const auto step_length = [](double clip) {
    Module net(small_net(), ModuleOptions{.seed = 1}),
        before(small_net(), ModuleOptions{.seed = 1});
    TrainOptions options = kOptions;
    options.epochs = 1;
    options.batch = 48;
    options.optimizer = {.kind = "sgd", .lr = 1, .momentum = 0};
    options.schedule = {};
    options.clip = clip;
    train(*net, halves(), *classification_task({.classes = 2}), options);
    double square = 0;
    for (const auto& item : net->named_parameters()) {
      square +=
          (item.value() - before->named_parameters()[item.key()]).square().sum().item<double>();
    }
    return std::sqrt(square);
  };
  EXPECT_NEAR(step_length(0.01), 0.01, 1e-4);
  EXPECT_GT(step_length(0), 0.02);
}

TEST(Trainer, ChannelsLastAndBf16Train) {
  const auto task = classification_task({.classes = 2});
  const auto final_loss = [&](const std::string& precision, bool channels_last) {
    Module net(small_net(), ModuleOptions{.seed = 1});
    TrainOptions options = kOptions;
    options.precision = precision;
    options.channels_last = channels_last;
    const TrainLog log = train(*net, halves(), *task, options);
    for (const auto& [name, tensor] : net->weights()) {
      if (tensor.is_floating_point()) {
        EXPECT_EQ(tensor.scalar_type(), at::kFloat) << name;
      }
    }
    return log.epochs.back().train.loss;
  };
  const double plain = final_loss("f32", false);
  EXPECT_NEAR(final_loss("f32", true), plain, 1e-3);
  EXPECT_NEAR(final_loss("bf16", false), plain, 0.1);
  EXPECT_NE(final_loss("bf16", false), plain);  // so that bf16 was not passed over
}

/// 11 samples of three shapes: four, four and three of each.
class Mixed : public Dataset {
 public:
  int64_t size() const override { return 11; }
  std::vector<int64_t> shape(int64_t i, bool) const override { return {i % 3}; }
  Batch batch(std::span<const int64_t>, Rng*) const override { return {}; }
};

std::vector<size_t> sizes_of_mixed_batches(bool training) {
  Rng rng(1);
  const auto order = shuffled(11, rng);
  std::vector<int64_t> seen;
  std::vector<size_t> sizes;
  for (const auto& batch : make_batches(Mixed(), order, 2, training)) {
    sizes.push_back(batch.size());
    for (const int64_t i : batch) {
      EXPECT_EQ(i % 3, batch[0] % 3);
      seen.push_back(i);
    }
  }
  std::sort(seen.begin(), seen.end());
  for (int64_t i = 0; i < 11; ++i) EXPECT_EQ(seen.at(static_cast<size_t>(i)), i);
  std::sort(sizes.begin(), sizes.end());
  return sizes;
}

TEST(MakeBatches, KeepShapesApartAndLoseNothing) {
  EXPECT_EQ(sizes_of_mixed_batches(false), (std::vector<size_t>{1, 2, 2, 2, 2, 2}));
}

TEST(MakeBatches, TrainingHasNoBatchOfOne) {
  EXPECT_EQ(sizes_of_mixed_batches(true), (std::vector<size_t>{2, 2, 2, 2, 3}));
}

}  // namespace
}  // namespace rung
