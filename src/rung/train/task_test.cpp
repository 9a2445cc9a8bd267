#include "rung/train/task.h"

#include <torch/torch.h>

#include "rung/base/expect_error.h"

namespace rung {
namespace {

TEST(ClassificationTask, LossAndAccuracyAreThoseOfTheLogits) {
  const auto task = classification_task({.classes = 3});
  const at::Tensor output = torch::tensor({{2.f, 0.f, 0.f}, {0.f, 3.f, 1.f}, {1.f, 0.f, 0.f}});
  const Batch batch{at::zeros({3, 1}), torch::tensor({0, 1, 2}, at::kLong)};
  const auto score = task->score();
  score->add(output, batch);
  EXPECT_DOUBLE_EQ(score->values()[0], 2.0 / 3);
  const double e = std::exp(1.0);
  const double expected = -(std::log(e * e / (e * e + 2)) +
                            std::log(e * e * e / (e * e * e + e + 1)) + std::log(1 / (e + 2))) /
                          3;
  EXPECT_NEAR(task->loss(output, batch).item<double>(), expected, 1e-6);
  EXPECT_NE(user_error([&] {
              task->check(at::zeros({3, 4}), batch);
            }).find("needs an output f32[3, 3], and the network gives f32[3, 4]"),
            std::string::npos);
}

TEST(SegmentationTask, IouOverAllPixelsAndOverImages) {
  const auto task = segmentation_task({});
  const at::Tensor truth =
      torch::tensor({1.f, 1.f, 0.f, 0.f, 0.f, 0.f, 0.f, 0.f}).view({2, 1, 2, 2});
  const at::Tensor output =
      torch::tensor({1.f, -1.f, 1.f, -1.f, -1.f, -1.f, -1.f, -1.f}).view({2, 1, 2, 2});
  const auto score = task->score();
  score->add(output, {at::zeros({2, 1, 2, 2}), truth});
  EXPECT_DOUBLE_EQ(score->values()[0], 1.0 / 3);  // one of three pixels
  EXPECT_DOUBLE_EQ(score->values()[1],
                   (1.0 / 3 + 1) / 2);  // the second image is empty and found so
}

TEST(SegmentationTask, LossFallsWithTheRightAnswerAndSizesMayDiffer) {
  const auto task = segmentation_task({});
  const at::Tensor truth = at::ones({1, 1, 4, 4});
  const Batch batch{at::zeros({1, 1, 4, 4}), truth};
  EXPECT_LT(task->loss(at::full({1, 1, 4, 4}, 3.0), batch).item<double>(),
            task->loss(at::full({1, 1, 4, 4}, -3.0), batch).item<double>());
  EXPECT_EQ(task->predict(at::ones({1, 1, 2, 3}), batch).sizes(), truth.sizes());
  EXPECT_NE(user_error([&] {
              task->check(at::zeros({1, 2, 4, 4}), batch);
            }).find("a head with one channel is needed"),
            std::string::npos);
}

TEST(SegmentationTask, LossWithoutDiceIsTheCrossEntropy) {
  const at::Tensor x = torch::tensor({0.3f, -1.f, 2.f, 0.f}).view({1, 1, 2, 2});
  const Batch batch{x, torch::tensor({1.f, 0.f, 1.f, 0.f}).view({1, 1, 2, 2})};
  const double expected = at::binary_cross_entropy_with_logits(x, batch.target).item<double>();
  EXPECT_EQ(segmentation_task({.loss = {.terms = {{.kind = "cross_entropy"}}}})
                ->loss(x, batch)
                .item<double>(),
            expected);
  EXPECT_GT(segmentation_task({})->loss(x, batch).item<double>(), expected);
}

TEST(SegmentationTask, ClassesAreCountedEachByItself) {
  const auto task = segmentation_task({.classes = {"background", "cell"}});
  const at::Tensor truth = torch::tensor({0, 1, 1, -1}, at::kLong).view({1, 2, 2});
  const at::Tensor output =
      torch::tensor({1.f, 1.f, 0.f, 0.f, 0.f, 0.f, 1.f, 1.f}).view({1, 2, 2, 2});
  const Batch batch{at::zeros({1, 1, 2, 2}), truth};
  const auto score = task->score();
  score->add(output, batch);
  // background: found twice, once rightly; cell: found once, of two. The last pixel is not counted.
  EXPECT_DOUBLE_EQ(score->values()[0], 0.5);
  EXPECT_DOUBLE_EQ(score->values()[4], 2.0 / 3);
  EXPECT_EQ(score->details()["classes"][1]["name"], "cell");
  EXPECT_EQ(task->predict(output, batch).sizes(), (std::vector<int64_t>{1, 1, 2, 2}));
  EXPECT_NE(user_error([&] {
              task->check(at::zeros({1, 1, 2, 2}), batch);
            }).find("segmentation of 2 classes needs an output f32[1, 2, H, W]"),
            std::string::npos);
}

TEST(ClassificationTask, OverlappingClassesAreAYesOrNoEach) {
  const auto task = classification_task({.classes = 2, .overlapping = true});
  const at::Tensor output = torch::tensor({2.f, 1.f, -1.f, 3.f}).view({2, 2});
  const Batch batch{at::zeros({2, 1}), torch::tensor({1.f, 0.f, 0.f, 1.f}).view({2, 2})};
  EXPECT_EQ(task->loss(output, batch).item<float>(),
            at::binary_cross_entropy_with_logits(output, batch.target).item<float>());
  const auto score = task->score();
  score->add(output, batch);
  EXPECT_EQ(task->metrics()[0].name, "f1");
  EXPECT_DOUBLE_EQ(score->values()[1], 0.75);
  EXPECT_EQ(score->details()["classes"][0]["roc_auc"], 1.0);
}

// Window 1 2 3 (one column), then 5: repeating the last value is wrong by 2.
Batch rows() {
  return {torch::tensor({1.f, 2.f, 3.f}).view({1, 3, 1}), torch::tensor({5.f}).view({1, 1, 1})};
}

TEST(ForecastingTask, ErrorsBesideRepeatingTheLastValue) {
  const auto task = forecasting_task({.horizon = 1, .places = {0}});
  const auto score = task->score();
  score->add(torch::tensor({0.f, 0.f, 0.f, 4.f}).view({1, 4, 1}), rows());
  EXPECT_EQ(score->values(), (std::vector<double>{1, 1, 4, 2}));
}

TEST(ForecastingTask, RelativePredictsTheChange) {
  const auto task = forecasting_task({.horizon = 1, .places = {0}, .relative = true});
  const at::Tensor output = torch::tensor({2.f}).view({1, 1});
  EXPECT_EQ(task->predict(output, rows()).item<float>(), 5);
  EXPECT_EQ(task->loss(output, rows()).item<float>(), 0);
}

TEST(ForecastingTask, DenseComparesEveryStepWithTheNextRow) {
  const auto task = forecasting_task({.horizon = 1, .places = {0}, .dense = true});
  // Steps 0, 1, 2 speak of rows 2, 3 and 5; the appended step of 5 again.
  EXPECT_EQ(task->loss(torch::tensor({2.f, 3.f, 5.f, 5.f}).view({1, 4, 1}), rows()).item<float>(),
            0);
  EXPECT_EQ(task->loss(torch::tensor({4.f, 3.f, 5.f, 5.f}).view({1, 4, 1}), rows()).item<float>(),
            1);
  const auto change =
      forecasting_task({.horizon = 1, .places = {0}, .dense = true, .relative = true});
  EXPECT_EQ(change->loss(torch::tensor({1.f, 1.f, 2.f, 2.f}).view({1, 4, 1}), rows()).item<float>(),
            0);
  EXPECT_NE(user_error([&] {
              task->check(at::zeros({1, 3, 1}), rows());
            }).find("needs an output f32[1, 4, 1]"),
            std::string::npos);
}

TEST(ForecastingTask, TargetsThatAreNotSeenCannotBeRepeated) {
  EXPECT_EQ(forecasting_task({.places = {-1}})->metrics().size(), 2u);
  EXPECT_NE(user_error([] {
              forecasting_task({.places = {-1}, .relative = true});
            }).find("data.relative needs every target among the inputs"),
            std::string::npos);
}

}  // namespace
}  // namespace rung
