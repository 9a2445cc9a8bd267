#include "rung/train/objective.h"

#include <torch/torch.h>

#include "rung/base/expect_error.h"
#include "rung/base/file.h"
#include "rung/base/temp_folder.h"
#include "rung/graph/builder.h"
#include "rung/io/image.h"
#include "rung/io/model_file.h"
#include "rung/train/recipe.h"
#include "rung/train/trainer.h"

namespace rung {
namespace {

constexpr int64_t kRows = 40, kSide = 4, kHidden = 6;

/// Keeps the batches that training draws.
class Recorded : public Dataset {
 public:
  Recorded(std::shared_ptr<const Dataset> data, std::vector<Batch>& batches)
      : data_(std::move(data)), batches_(batches) {}
  int64_t size() const override { return data_->size(); }
  std::vector<int64_t> shape(int64_t index, bool training) const override {
    return data_->shape(index, training);
  }
  Batch batch(std::span<const int64_t> indices, Rng* rng) const override {
    Batch batch = data_->batch(indices, rng);
    if (rng != nullptr) batches_.push_back(batch);
    return batch;
  }

 private:
  std::shared_ptr<const Dataset> data_;
  std::vector<Batch>& batches_;
};

/// Two inputs, two outputs: an image and two numbers to one of three classes and a price.
Model student() {
  Builder b;
  const Value image = b.input("image", {1, 1, kSide, kSide});
  const Value facts = b.input("facts", {1, 2});
  const Value seen = b.relu("act", b.linear("see", b.flatten("flat", image), kHidden));
  const Value both = b.concat("both", {seen, facts});
  b.output("kind", b.linear("kind_head", both, 3));
  b.output("price", b.linear("price_head", both, 1));
  return std::move(b).finish();
}

/// An image to as many numbers as the student's hidden layer has, and dropout behind them.
Model teacher() {
  Builder b;
  const Value image = b.input("image", {1, 1, kSide, kSide});
  const Value seen =
      b.unary("act", ops::UnaryFn::kTanh, b.linear("see", b.flatten("flat", image), kHidden));
  b.output("seen", b.add("drop", ops::Dropout{.p = 0.5}, {seen}));
  return std::move(b).finish();
}

class SeveralOutputs : public testing::Test {
 protected:
  SeveralOutputs() {
    save_model(student(), folder_ / "student.rung");
    save_model(teacher(), folder_ / "teacher.rung");
    torch::manual_seed(3);
    std::string table = "photo,kind,price,age,weight,split\n";
    for (int64_t i = 0; i < kRows; ++i) {
      const std::string name = fmt::format("{}.png", i);
      Tensor pixels(DType::kU8, {1, kSide, kSide});
      for (auto& pixel : pixels.as<uint8_t>()) {
        pixel = static_cast<uint8_t>(torch::randint(256, {1}).item<int64_t>());
      }
      save_png(folder_ / name, pixels);
      table += fmt::format("{},{},{},{},{},{}\n", name, "abc"[i % 3], 100 + 7 * (i % 5), i,
                           0.5 * static_cast<double>(i * i % 11), i < 30 ? "train" : "test");
    }
    write_file(folder_ / "rows.csv", table);
  }

  Recipe load(const std::string& more = {}, const std::vector<std::string>& sets = {}) {
    write_file(folder_ / "r.toml", text_ + more);
    return load_recipe(folder_ / "r.toml", sets);
  }

  TempFolder folder_;
  std::string text_ =
      "[models.student]\n"
      "file = 'student.rung'\n"
      "[data]\n"
      "task = 'table'\n"
      "csv = 'rows.csv'\n"
      "[data.inputs.'student/facts']\n"
      "numbers = ['age', 'weight']\n"
      "[data.inputs.'student/image']\n"
      "image = 'photo'\n"
      "channels = 1\n"
      "[[output]]\n"
      "name = 'student/kind'\n"
      "label = 'kind'\n"
      "weight = 2\n"
      "[[output]]\n"
      "name = 'student/price'\n"
      "numbers = ['price']\n"
      "loss = { huber = { delta = 0.5 } }\n"
      "[train]\n"
      "epochs = 3\n"
      "batch = 8\n"
      "threads = 1\n"
      "optimizer = { kind = 'sgd', lr = 0.1, momentum = 0 }\n"
      "[models.teacher]\n"
      "file = 'teacher.rung'\n"
      "input = 'student/image'\n"
      "[[hint]]\n"
      "from = 'teacher/drop'\n"
      "to = 'student/act'\n"
      "loss = { mse = 0.25 }\n";
};

/// The same by hand.
struct ByHand {
  at::Tensor see, see_bias, kind, kind_bias, price, price_bias, teach, teach_bias;

  explicit ByHand(const ModuleImpl& net) {
    const auto own = [&](const std::string& name, bool trained = true) {
      return net.weights().at(name).detach().clone().set_requires_grad(trained);
    };
    see = own("student/see.weight");
    see_bias = own("student/see.bias");
    kind = own("student/kind_head.weight");
    kind_bias = own("student/kind_head.bias");
    price = own("student/price_head.weight");
    price_bias = own("student/price_head.bias");
    teach = own("teacher/see.weight", false);
    teach_bias = own("teacher/see.bias", false);
  }
  at::Tensor loss(const Batch& batch) const {
    const at::Tensor pixels = batch.input.flatten(1);
    const at::Tensor seen = at::relu(at::linear(pixels, see, see_bias));
    const at::Tensor both = at::cat({seen, batch.more_inputs.at(0)}, 1);
    const at::Tensor taught = at::tanh(at::linear(pixels, teach, teach_bias));
    return 2 * at::cross_entropy_loss(at::linear(both, kind, kind_bias), batch.target) +
           at::huber_loss(at::linear(both, price, price_bias), batch.more_targets.at(0),
                          at::Reduction::Mean, 0.5) +
           0.25 * at::mse_loss(seen, taught);
  }
  void step(const Batch& batch, double rate) {
    loss(batch).backward();
    const torch::NoGradGuard no_grad;
    for (at::Tensor* weight : {&see, &see_bias, &kind, &kind_bias, &price, &price_bias}) {
      *weight -= rate * weight->grad();
      weight->mutable_grad() = at::Tensor();
    }
  }
};

TEST_F(SeveralOutputs, TrainAsALoopByHandDoes) {
  const Recipe recipe = load();
  EXPECT_EQ(recipe.teachers, std::vector<std::string>{"teacher"});
  const OpenedData data = open_data(recipe);
  const auto facts = data.facts();  // what the numbers that go in were scaled by
  ASSERT_EQ(facts.at("inputs").size(), 2u);
  EXPECT_EQ(facts.at("inputs")[0].at("name"), "age");
  const double mean = facts.at("inputs")[0].at("mean"),
               deviation = facts.at("inputs")[0].at("deviation");
  const Batch rows = data.parts.train->batch(in_order(data.parts.train->size()), nullptr);
  const at::Tensor ages = rows.more_inputs.at(0).select(1, 0);
  EXPECT_NEAR(ages.mean().item<double>(), 0, 1e-5);
  EXPECT_NEAR(ages.min().item<double>() * deviation + mean, 0, 1e-3);  // of 0 … 29
  EXPECT_NEAR(ages.max().item<double>() * deviation + mean, 29, 1.5);
  EXPECT_EQ(facts.at("classes").size(), 3u);
  const Model joined = joined_network(recipe, data);
  const Objective objective = make_objective(recipe, data, joined.graph);
  Module net(joined, ModuleOptions{.seed = 4});
  net->freeze(recipe.freeze);
  ByHand hand(*net);
  std::vector<Batch> batches;
  const DataParts parts{std::make_shared<Recorded>(data.parts.train, batches), nullptr, nullptr};
  TrainOptions options = recipe.train;
  double before = 0;
  {
    const torch::NoGradGuard no_grad;
    before = hand.loss(data.parts.test->batch(in_order(10), nullptr)).item<double>();
  }
  const PartResult measured = evaluate(*net, *data.parts.test, objective, options);
  EXPECT_NEAR(measured.loss, before, 1e-2);  // a mean of two batches' means, which differ in size
  const TrainLog log = train(*net, parts, objective, options, {.folder = folder_ / "out"});
  ASSERT_EQ(batches.size(), 3u * 4);
  for (const Batch& batch : batches) hand.step(batch, 0.1);
  // The network is left with the best epoch's weights; last.rung holds the last.
  const Model last = load_model(folder_ / "out/last.rung");
  const auto expect_near = [&](const std::string& name, const at::Tensor& expected) {
    const auto values = last.weights.at(name).as<float>();
    const at::Tensor flat = expected.detach().flatten();
    for (int64_t i = 0; i < flat.numel(); ++i) {
      EXPECT_NEAR(values[static_cast<size_t>(i)], flat[i].item<float>(), 1e-5) << name;
    }
  };
  expect_near("student/see.weight", hand.see);
  expect_near("student/see.bias", hand.see_bias);
  expect_near("student/kind_head.weight", hand.kind);
  expect_near("student/price_head.weight", hand.price);
  expect_near("student/price_head.bias", hand.price_bias);
  std::vector<std::string> names;
  for (const Metric& metric : log.metrics) names.push_back(metric.name);
  EXPECT_EQ(names.front(), "student/kind.accuracy");
  EXPECT_EQ(names.back(), "hint.student/act");
  // What is kept is the student alone.
  EXPECT_EQ(last.graph.outputs().size(), 2u);
  for (const auto& [name, weight] : last.weights) EXPECT_TRUE(name.starts_with("student/")) << name;
}

TEST_F(SeveralOutputs, GoOnAsIfTheyHadNotBeenInterrupted) {
  const Recipe recipe = load();
  const OpenedData data = open_data(recipe);
  const auto run = [&](const std::string& folder, int64_t epochs, bool resume) {
    const Model joined = joined_network(recipe, data);
    Module net(joined, ModuleOptions{.seed = 4});
    net->freeze(recipe.freeze);
    TrainOptions options = recipe.train;
    options.epochs = epochs;
    train(*net, data.parts, make_objective(recipe, data, joined.graph), options,
          {.folder = folder_ / folder, .resume = resume});
    return load_model(folder_ / folder / "last.rung").weights;
  };
  const Weights whole = run("whole", 3, false);
  run("parts", 1, false);
  const Weights resumed = run("parts", 3, true);
  ASSERT_EQ(whole.size(), resumed.size());
  for (const auto& [name, weight] : whole) {
    EXPECT_TRUE(weight.identical(resumed.at(name))) << name;
  }
}

TEST_F(SeveralOutputs, TheOneThatTeachesIsNotTrained) {
  // "a" stands in front of "student": its output is the first one of the joined network.
  for (const char* name : {"a", "z"}) {
    std::string text =
        text_.substr(0, text_.find("[[output]]")) + text_.substr(text_.find("[train]"));
    for (auto at = text.find("teacher"); at != std::string::npos; at = text.find("teacher")) {
      text.replace(at, 7, name);
    }
    text.replace(text.find(name + std::string(".rung")), 6, "teacher.rung");
    text.replace(text.find("/drop"), 5, "/seen");
    text += "[[output]]\nname = 'student/kind'\nlabel = 'kind'\n";
    write_file(folder_ / "r.toml", text);
    const Recipe recipe = load_recipe(folder_ / "r.toml", {});
    EXPECT_EQ(recipe.plan.apply().graph.outputs()[0].name, "student/kind");
    EXPECT_EQ(recipe.teachers, std::vector<std::string>{name});
  }
}

TEST_F(SeveralOutputs, MistakesAreNamed) {
  const auto error = [&](const std::string& from, const std::string& to) {
    const std::string kept = text_;
    const auto at = text_.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text_.replace(at, from.size(), to);
    const std::string why = user_error([&] {
      const Recipe recipe = load();
      const OpenedData data = open_data(recipe);
      make_objective(recipe, data, joined_network(recipe, data).graph);
    });
    text_ = kept;
    return why;
  };
  const auto expect = [](const std::string& why, const std::string& part) {
    EXPECT_NE(why.find(part), std::string::npos) << why;
  };
  expect(error("to = 'student/act'", "to = 'student/kind'"),
         "the hint from 'teacher/drop' f32[N, 6] to 'student/kind' f32[N, 3] needs two values of "
         "one shape");
  expect(error("[data.inputs.'student/facts']\nnumbers = ['age', 'weight']\n", ""),
         "the network's input 'student/facts' f32[N, 2] has no data");
  expect(error("student/facts", "student/fact"), "has no data");
  expect(error("label = 'kind'\n", ""), "needs one of label (a column of classes), numbers");
  expect(error("label = 'kind'\n", "label = 'kinds'\n"), "kinds");
  expect(error("name = 'student/price'", "name = 'student/prices'"),
         "there is no output 'student/prices' to keep");
  expect(error("mse = 0.25", "dice = 1"), "is one of huber, mae, mse, kl");
  expect(error("[train]\n", "[train]\nloss = { mse = 1 }\n"),
         "each [[output]] of a table has a loss of its own");
  expect(error("numbers = ['price']\n", "numbers = ['kind']\n"), "rows.csv:2");
}

TEST(HintLoss, DivergenceIsThatOfTheSoftenedDistributions) {
  const at::Tensor s = torch::tensor({{1.0F, 2.0F, 0.5F}}), t = torch::tensor({{0.0F, 1.0F, 3.0F}});
  const Hint hint{
      .student = "s", .teacher = "t", .term = {.kind = "kl", .weight = 3}, .temperature = 2};
  double expected = 0;
  const auto p = (t / 2).softmax(1), q = (s / 2).softmax(1);
  for (int64_t i = 0; i < 3; ++i) {
    const double a = p[0][i].item<double>(), b = q[0][i].item<double>();
    expected += a * std::log(a / b);
  }
  EXPECT_NEAR(hint_loss(hint, s, t).item<double>(), 4 * expected, 1e-6);
}

}  // namespace
}  // namespace rung
