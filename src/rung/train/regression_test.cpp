#include <torch/torch.h>

#include <cmath>
#include <limits>

#include "rung/base/expect_error.h"
#include "rung/base/file.h"
#include "rung/base/temp_folder.h"
#include "rung/io/image.h"
#include "rung/io/numpy/npy.h"
#include "rung/train/image_regression_data.h"
#include "rung/train/regression_data.h"
#include "rung/train/task.h"

namespace rung {
namespace {

namespace fs = std::filesystem;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

void write_image(const fs::path& path, int64_t height, int64_t width, auto&& value) {
  fs::create_directories(path.parent_path());
  Tensor image(DType::kU8, {1, height, width});
  for (int64_t i = 0; i < image.elements(); ++i) image.set(i, value(i));
  save_png(path, image);
}

void write_numbers(const fs::path& path, const std::vector<float>& values, const Shape& shape) {
  fs::create_directories(path.parent_path());
  Tensor tensor(DType::kF32, shape);
  std::copy(values.begin(), values.end(), tensor.as<float>().begin());
  save_npy(path, tensor);
}

std::vector<int64_t> all(const Dataset& data) { return in_order(data.size()); }

bool says(const std::string& message, const std::string& part) {
  return message.find(part) != std::string::npos;
}

// --- tables

/// Pictures 0 to 9 whose grey is 10 times their number, and a table of two targets.
void write_table(const TempFolder& folder, const std::string& rows) {
  for (int i = 0; i < 10; ++i) {
    write_image(folder / ("pictures/" + std::to_string(i) + ".png"), 4, 4,
                [i](int64_t) { return 10 * i; });
  }
  write_file(folder / "table.csv", rows);
}

std::string rows_of(const std::string& head, auto&& row) {
  std::string out = head + "\n";
  for (int i = 0; i < 10; ++i) out += std::to_string(i) + ".png," + row(i) + "\n";
  return out;
}

RegressionData table_of(const TempFolder& folder) {
  return {.table = folder / "table.csv",
          .root = folder / "pictures",
          .targets = {"age"},
          .channels = 1};
}

TEST(RegressionData, TargetsAreScaledByTheTrainingPart) {
  const TempFolder folder;
  // Rows 0 to 3 train: ages 0, 2, 4, 6, whose mean is 3 and whose deviation is sqrt(5).
  write_table(folder, rows_of("file,age,split", [](int i) {
                return std::to_string(2 * i) + (i < 4 ? ",train" : i < 6 ? ",val" : ",test");
              }));
  const OpenedData data = open_regression(table_of(folder));
  EXPECT_EQ(data.parts.train->size(), 4);
  EXPECT_EQ(data.parts.validation->size(), 2);
  EXPECT_EQ(data.parts.test->size(), 4);
  EXPECT_DOUBLE_EQ(data.scales.at(0).first, 3);
  EXPECT_DOUBLE_EQ(data.scales.at(0).second, std::sqrt(5.0));
  const Batch batch = data.parts.test->batch(all(*data.parts.test), nullptr);
  EXPECT_EQ(batch.target.sizes(), (std::vector<int64_t>{4, 1}));
  for (int64_t i = 0; i < 4; ++i) {
    const auto number = std::lround(batch.input[i].mean().item<double>() * 25.5);
    const double age = 2 * static_cast<double>(number);
    EXPECT_NEAR(batch.target[i][0].item<double>(), (age - 3) / std::sqrt(5.0), 1e-6);
  }
  const auto facts = data.facts();
  EXPECT_EQ(facts["targets"][0]["name"], "age");
  EXPECT_DOUBLE_EQ(facts["targets"][0]["mean"].get<double>(), 3);
  EXPECT_DOUBLE_EQ(facts["targets"][0]["deviation"].get<double>(), std::sqrt(5.0));
  EXPECT_FALSE(facts.contains("classes"));
  EXPECT_FALSE(facts.contains("inputs"));
}

TEST(RegressionData, ScalesOfANetworkTakeThePlaceOfMeasuredOnes) {
  const TempFolder folder;
  write_table(folder, rows_of("file,age", [](int i) { return std::to_string(i); }));
  RegressionData options = table_of(folder);
  options.validation = options.test = 0;
  options.scales = {{"age", 100, 50}};
  const OpenedData data = open_regression(options);
  const Batch batch = data.parts.train->batch(all(*data.parts.train), nullptr);
  EXPECT_NEAR(batch.target.min().item<double>(), -2, 1e-6);
  options.scales = {{"height", 100, 50}};
  EXPECT_TRUE(says(user_error([&] { open_regression(options); }), "not those of the network"));
}

TEST(RegressionData, GroupsAndFoldsAreThoseOfClassification) {
  const TempFolder folder;
  write_table(folder, rows_of("file,age,group", [](int i) {
                return std::to_string(i) + "," + std::to_string(i / 2);
              }));
  std::vector<int64_t> times(10);
  for (int64_t fold = 0; fold < 5; ++fold) {
    RegressionData options = table_of(folder);
    options.test = 0;
    options.fold = {fold, 5};
    const OpenedData data = open_regression(options);
    const Batch batch = data.parts.validation->batch(all(*data.parts.validation), nullptr);
    ASSERT_EQ(batch.input.size(0), 2);
    std::vector<int64_t> numbers;
    for (int64_t i = 0; i < 2; ++i) {
      numbers.push_back(std::lround(batch.input[i].mean().item<double>() * 25.5));
      ++times[static_cast<size_t>(numbers.back())];
    }
    EXPECT_EQ(numbers[0] / 2, numbers[1] / 2);
  }
  EXPECT_EQ(times, std::vector<int64_t>(10, 1));
}

TEST(RegressionData, CellsThatAreNoNumbersAreRefusedByLine) {
  const TempFolder folder;
  const auto error = [&](const std::string& cell) {
    write_table(folder,
                rows_of("file,age", [&](int i) { return i == 3 ? cell : std::to_string(i); }));
    return user_error([&] { open_regression(table_of(folder)); });
  };
  for (const char* cell : {"", "old", "nan", "inf", "1;5", "3 years"}) {
    EXPECT_TRUE(says(error(cell), "table.csv:5: column 'age' holds '" + std::string(cell) + "'"))
        << cell << ": " << error(cell);
  }
  write_table(folder, rows_of("file,age", [](int) { return "7"; }));
  EXPECT_TRUE(says(user_error([&] { open_regression(table_of(folder)); }),
                   "column 'age' is 7 in all 8 rows to train on"));
  RegressionData options = table_of(folder);
  options.targets = {"age", "age"};
  EXPECT_TRUE(says(user_error([&] { open_regression(options); }), "names 'age' twice"));
  options.targets = {"weight"};
  EXPECT_TRUE(says(user_error([&] { open_regression(options); }), "has no column 'weight'"));
}

TEST(RegressionTask, ErrorsAreInTheUnitOfTheTable) {
  // Mean 10, deviation 4: the truth is 6, 10, 18, and 8, 10, 15 is said.
  const auto task = regression_task({.targets = {{"age", 10, 4}}});
  const Batch batch{at::zeros({3, 1}), torch::tensor({{-1.f}, {0.f}, {2.f}})};
  const at::Tensor output = torch::tensor({{-0.5f}, {0.f}, {1.25f}});
  const auto score = task->score();
  // In two batches, as an evaluation adds them.
  score->add(output.narrow(0, 0, 2), {batch.input, batch.target.narrow(0, 0, 2)});
  score->add(output.narrow(0, 2, 1), {batch.input, batch.target.narrow(0, 2, 1)});
  const auto values = score->values();
  EXPECT_NEAR(values[0], 5.0 / 3, 1e-9);              // (2 + 0 + 3) / 3
  EXPECT_NEAR(values[1], std::sqrt(13.0 / 3), 1e-9);  // (4 + 0 + 9) / 3
  // The mean of the truth is 34/3: its squares about it add up to 224/3.
  EXPECT_NEAR(values[2], 1 - 13.0 / (224.0 / 3), 1e-9);
  const at::Tensor said = task->predict(output, batch);
  EXPECT_TRUE(at::allclose(said, torch::tensor({{8.f}, {10.f}, {15.f}})));
  EXPECT_NEAR(task->loss(output, batch).item<double>(), (0.25 + 0 + 0.5625) / 3, 1e-6);
  EXPECT_TRUE(says(user_error([&] {
                     task->check(at::zeros({3, 2}), batch);
                   }),
                   "needs an output f32[3, 1], and the network gives f32[3, 2]"));
}

TEST(RegressionTask, SeveralTargetsAreScaledInTheMeansAndInTheirUnitsInDetails) {
  const auto task = regression_task({.targets = {{"age", 0, 2}, {"weight", 0, 1000}}});
  const Batch batch{at::zeros({2, 1}), torch::tensor({{1.f, -1.f}, {-1.f, 1.f}})};
  const auto score = task->score();
  score->add(torch::tensor({{1.5f, -1.f}, {-1.f, 1.f}}), batch);
  EXPECT_NEAR(score->values()[0], 0.125, 1e-9);  // 0.25 of age, 0 of weight
  const auto details = score->details();
  EXPECT_NEAR(details["targets"][0]["mae"].get<double>(), 0.5, 1e-9);
  EXPECT_NEAR(details["targets"][0]["rmse"].get<double>(), 2 * std::sqrt(0.125), 1e-9);
  EXPECT_NEAR(details["targets"][0]["r2"].get<double>(), 1 - 0.25 / 2, 1e-9);
  EXPECT_NEAR(details["targets"][1]["mae"].get<double>(), 0, 1e-9);
  EXPECT_NEAR(details["targets"][1]["r2"].get<double>(), 1, 1e-9);
}

TEST(RegressionTask, ATruthThatDoesNotVaryHasNoR2) {
  const auto task = regression_task({.targets = {{"age", 0, 1}}});
  const auto score = task->score();
  EXPECT_EQ(score->values(), (std::vector<double>{0, 0, 0}));
  score->add(at::zeros({3, 1}), {at::zeros({3, 1}), at::full({3, 1}, 0.3f)});
  EXPECT_EQ(score->values()[2], 0);
}

// --- images

ImageRegressionData images_of(const TempFolder& folder) {
  return {.images = folder / "images", .targets = folder / "targets", .channels = 1};
}

void write_pairs(const TempFolder& folder, int count) {
  for (int i = 0; i < count; ++i) {
    const std::string name = std::to_string(i) + ".png";
    // Every pixel has a value of its own, and the target is one more.
    write_image(folder / ("images/" + name), 8, 8, [&](int64_t at) { return 3 * at; });
    write_image(folder / ("targets/" + name), 8, 8, [&](int64_t at) { return 3 * at + 1; });
  }
}

TEST(ImageRegressionData, CropsTurnsAndShiftsImageAndTargetAlike) {
  const TempFolder folder;
  write_pairs(folder, 6);
  ImageRegressionData options = images_of(folder);
  options.crop = {5, 6};
  options.validation = options.test = 0;
  options.augment = {.shift = 2, .flip = true, .rotate = true, .brightness = 0.2};
  const OpenedData data = open_image_regression(options);
  ASSERT_TRUE(data.range.has_value());
  Rng rng(3, "test");
  int64_t counted = 0, outside = 0;
  for (int round = 0; round < 10; ++round) {
    const Batch batch = data.parts.train->batch(all(*data.parts.train), &rng);
    EXPECT_EQ(batch.input.sizes(), (std::vector<int64_t>{6, 1, 5, 6}));
    EXPECT_EQ(batch.target.sizes(), batch.input.sizes());
    for (int64_t i = 0; i < 6; ++i) {
      // Brightness adds one number to all of the image, and nothing to the target.
      const at::Tensor target = batch.target[i].flatten(), image = batch.input[i].flatten();
      const at::Tensor here = target.isfinite() & image.gt(0) & image.lt(1);
      const at::Tensor apart = (target - image).masked_select(here);
      ASSERT_GT(apart.numel(), 0);
      EXPECT_LT((apart - apart[0]).abs().max().item<double>(), 1e-5);
      const at::Tensor levels = (target.masked_select(target.isfinite()) * 255 - 1) / 3;
      EXPECT_LT((levels - levels.round()).abs().max().item<double>(), 1e-4);
      counted += apart.numel();
      outside += target.isnan().sum().item<int64_t>();
    }
  }
  EXPECT_GT(counted, 500);
  EXPECT_GT(outside, 0);  // what a shift brings in is no number
}

TEST(ImageRegressionData, NumbersAreTakenAsTheyAre) {
  const TempFolder folder;
  for (int i = 0; i < 4; ++i) {
    const std::string name = std::to_string(i);
    write_image(folder / ("images/" + name + ".png"), 2, 2, [](int64_t) { return 9; });
    write_numbers(folder / ("targets/" + name + ".npy"), {1.5f, kNan, -1.f, 40.f + float(i)},
                  {2, 2});
  }
  ImageRegressionData options = images_of(folder);
  options.validation = options.test = 0;
  options.ignore = -1;
  const OpenedData data = open_image_regression(options);
  EXPECT_FALSE(data.range.has_value());
  const Batch batch = data.parts.train->batch(all(*data.parts.train), nullptr);
  EXPECT_EQ(batch.target.sizes(), (std::vector<int64_t>{4, 1, 2, 2}));
  EXPECT_EQ(batch.target[0][0][0][0].item<float>(), 1.5f);
  EXPECT_EQ(batch.target.isnan().sum().item<int64_t>(), 8);
  EXPECT_EQ(batch.target.flatten(1).select(1, 3).sum().item<float>(), 166.f);
}

TEST(ImageRegressionData, SaysWhatDoesNotFit) {
  const TempFolder folder;
  const auto error = [&] { return user_error([&] { open_image_regression(images_of(folder)); }); };
  write_pairs(folder, 4);
  fs::remove(folder / "targets/2.png");
  EXPECT_TRUE(says(error(), "2.png has no target: there is no 2.png (or .jpg) in")) << error();
  write_image(folder / "targets/2.png", 4, 8, [](int64_t) { return 1; });
  EXPECT_TRUE(says(error(), "2.png is 8 x 8 and its target")) << error();
  for (int i = 0; i < 4; ++i) {
    write_image(folder / ("targets/" + std::to_string(i) + ".png"), 8, 8,
                [](int64_t) { return 51; });
  }
  EXPECT_TRUE(says(error(), "are 0.2")) << error();
  for (int i = 0; i < 4; ++i) {
    write_numbers(folder / ("targets/" + std::to_string(i) + ".npy"),
                  std::vector<float>(64, std::numeric_limits<float>::infinity()), {8, 8});
  }
  EXPECT_TRUE(says(error(), "holds numbers that are infinite")) << error();
}

TEST(ImageRegressionTask, PsnrIsAMeanOverImages) {
  const auto task = image_regression_task({});
  // Squared errors of 0.01 in the first image and of 0 in the second; one pixel is not counted.
  const at::Tensor truth =
      torch::tensor({0.5f, 0.5f, 0.5f, 0.5f, 1.f, 0.f, 1.f, kNan}).view({2, 1, 2, 2});
  const at::Tensor output =
      torch::tensor({0.6f, 0.4f, 0.6f, 0.4f, 1.f, 0.f, 1.f, 9.f}).view({2, 1, 2, 2});
  const Batch batch{at::zeros({2, 1, 2, 2}), truth};
  task->check(output, batch);
  const auto score = task->score();
  score->add(output, batch);
  EXPECT_NEAR(score->values()[0], (20.0 + 100.0) / 2, 1e-4);
  EXPECT_NEAR(score->values()[1], 0.4 / 7, 1e-6);
  EXPECT_NEAR(score->values()[2], std::sqrt(0.04 / 7), 1e-6);
  EXPECT_NEAR(task->loss(output, batch).item<double>(), 0.04 / 7, 1e-6);
  EXPECT_EQ(image_regression_task({.unit = false})->metrics()[0].name, "mae");
}

TEST(ImageRegressionTask, WhatIsNotCountedHasNoGradient) {
  const auto task = image_regression_task({});
  at::Tensor output = torch::tensor({1.f, 2.f, 3.f, 4.f}).view({1, 1, 2, 2}).requires_grad_();
  const Batch batch{output, torch::tensor({0.f, kNan, 3.f, 0.f}).view({1, 1, 2, 2})};
  task->loss(output, batch).backward();
  const at::Tensor expected = torch::tensor({2.f / 3, 0.f, 0.f, 8.f / 3}).view({1, 1, 2, 2});
  EXPECT_TRUE(at::allclose(output.grad(), expected));
  const Batch nothing{output, at::full({1, 1, 2, 2}, kNan)};
  EXPECT_EQ(task->loss(output, nothing).item<double>(), 0);
}

}  // namespace
}  // namespace rung
