#include "rung/train/options.h"

#include <nlohmann/json.hpp>

#include "rung/base/expect_error.h"

namespace rung {
namespace {

TrainOptions with(ScheduleOptions schedule, int64_t epochs = 10) {
  return {.epochs = epochs, .optimizer = {.lr = 1}, .schedule = std::move(schedule)};
}

TEST(Schedule, ConstantAndStep) {
  EXPECT_EQ(rate_at(with({}), 7, 3, 5), 1);
  const TrainOptions step = with({.kind = "step", .every = 3, .factor = 0.5});
  EXPECT_EQ(rate_at(step, 2, 4, 5), 1);
  EXPECT_EQ(rate_at(step, 3, 0, 5), 0.5);
  EXPECT_EQ(rate_at(step, 6, 0, 5), 0.25);
}

TEST(Schedule, CosineFallsToItsFinalShare) {
  const TrainOptions cosine = with({.kind = "cosine", .final = 0.2});
  EXPECT_DOUBLE_EQ(rate_at(cosine, 0, 0, 10), 1);
  EXPECT_DOUBLE_EQ(rate_at(cosine, 5, 0, 10), 0.6);
  EXPECT_NEAR(rate_at(cosine, 9, 9, 10), 0.2, 1e-3);
}

TEST(Schedule, OneCycleRisesToItsPeakAndFalls) {
  const TrainOptions cycle = with({.kind = "one_cycle", .peak = 0.3});
  EXPECT_NEAR(rate_at(cycle, 0, 0, 10), 0.04, 1e-12);
  EXPECT_DOUBLE_EQ(rate_at(cycle, 3, 0, 10), 1);
  EXPECT_LT(rate_at(cycle, 9, 9, 10), 0.01);
  for (int64_t i = 1; i < 100; ++i) {
    const double before = rate_at(cycle, (i - 1) / 10, (i - 1) % 10, 10);
    const double now = rate_at(cycle, i / 10, i % 10, 10);
    EXPECT_EQ(now > before, i <= 30) << i;
  }
}

TEST(Schedule, WarmupRisesFromTheFirstStep) {
  const TrainOptions warm = with({.warmup = 2});
  EXPECT_GT(rate_at(warm, 0, 0, 4), 0);
  EXPECT_LT(rate_at(warm, 0, 0, 4), rate_at(warm, 1, 0, 4));
  EXPECT_LT(rate_at(warm, 1, 3, 4), 1);
  EXPECT_EQ(rate_at(warm, 2, 0, 4), 1);
}

TEST(TrainOptions, WrongValuesAreRefused) {
  const auto message = [](TrainOptions options) { return user_error([&] { check(options); }); };
  EXPECT_EQ(message({.optimizer = {.kind = "adagrad"}}),
            "optimizer.kind = 'adagrad' is not known; it is one of sgd, adam, adamw");
  EXPECT_EQ(message({.batch = 0}), "batch is 0; it is a number from 1 to 1000000");
  EXPECT_NE(message({.schedule = {.kind = "linear"}}).find("one_cycle"), std::string::npos);
  EXPECT_NE(message({.precision = "f16"}).find("f32, bf16"), std::string::npos);
  EXPECT_NE(message({.optimizer = {.lr = -1}}), "");
}

}  // namespace
}  // namespace rung
