#include "rung/base/statistics.h"

#include <gtest/gtest.h>

namespace rung {
namespace {

TEST(Statistics, QuantilesLieBetweenNeighbours) {
  EXPECT_EQ(median({}), 0);
  EXPECT_EQ(median({3}), 3);
  EXPECT_EQ(median({4, 1, 2}), 2);
  EXPECT_EQ(median({4, 1, 2, 3}), 2.5);
  EXPECT_EQ(quantile({0, 10, 20, 30, 40}, 0.25), 10);
  EXPECT_DOUBLE_EQ(quantile({0, 10}, 0.9), 9);
  EXPECT_EQ(quantile({5, 7}, 1), 7);
}

}  // namespace
}  // namespace rung
