#include "rung/train/split.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "rung/base/expect_error.h"

namespace rung {
namespace {

std::vector<int64_t> labels_of(const std::vector<int64_t>& counts) {
  std::vector<int64_t> labels;
  for (size_t k = 0; k < counts.size(); ++k) {
    labels.insert(labels.end(), static_cast<size_t>(counts[k]), static_cast<int64_t>(k));
  }
  return labels;
}

std::map<int64_t, int> classes_of(const std::vector<int64_t>& part,
                                  const std::vector<int64_t>& labels) {
  std::map<int64_t, int> counts;
  for (const int64_t i : part) ++counts[labels[static_cast<size_t>(i)]];
  return counts;
}

void expect_whole(const Split& split, int64_t count) {
  std::vector<int64_t> all = split.train;
  all.insert(all.end(), split.validation.begin(), split.validation.end());
  all.insert(all.end(), split.test.begin(), split.test.end());
  std::sort(all.begin(), all.end());
  for (int64_t i = 0; i < count; ++i) ASSERT_EQ(all.at(static_cast<size_t>(i)), i);
  EXPECT_EQ(all.size(), static_cast<size_t>(count));
}

TEST(Split, EveryPartHasItsShareOfEachClass) {
  const auto labels = labels_of({100, 20, 2, 1});
  const Split split = draw_split(123, labels, {}, {.validation = 0.1, .test = 0.2, .seed = 3}, "x");
  expect_whole(split, 123);
  EXPECT_EQ(classes_of(split.test, labels), (std::map<int64_t, int>{{0, 20}, {1, 4}}));
  EXPECT_EQ(classes_of(split.validation, labels), (std::map<int64_t, int>{{0, 10}, {1, 2}}));
  EXPECT_EQ(classes_of(split.train, labels)[2], 2);
  EXPECT_EQ(classes_of(split.train, labels)[3], 1);
  EXPECT_GT(classes_of({split.train.begin(), split.train.begin() + 20}, labels).size(), 1u)
      << "the first samples are of several classes";
}

TEST(Split, FollowsTheSeed) {
  const auto labels = labels_of({30, 30});
  const auto test = [&](uint64_t seed) {
    return draw_split(60, labels, {}, {.validation = 0.1, .test = 0.2, .seed = seed}, "x").test;
  };
  EXPECT_EQ(test(1), test(1));
  EXPECT_NE(test(1), test(2));
}

TEST(Split, GroupsStayTogether) {
  std::vector<std::string> groups;
  for (int i = 0; i < 60; ++i) groups.push_back("patient" + std::to_string(i % 13));
  const Split split =
      draw_split(60, labels_of({30, 30}), groups, {.validation = 0.2, .test = 0.2, .seed = 1}, "x");
  expect_whole(split, 60);
  std::map<std::string, std::set<int>> parts;
  const std::vector<int64_t>* lists[] = {&split.train, &split.validation, &split.test};
  for (int p = 0; p < 3; ++p) {
    EXPECT_FALSE(lists[p]->empty());
    for (const int64_t i : *lists[p]) parts[groups[static_cast<size_t>(i)]].insert(p);
  }
  for (const auto& [name, in] : parts) EXPECT_EQ(in.size(), 1u) << name;
}

TEST(Split, EverySampleValidatesInOneFold) {
  const auto labels = labels_of({17, 9});
  std::vector<int64_t> seen, test;
  for (int64_t fold = 0; fold < 5; ++fold) {
    const Split split =
        draw_split(26, labels, {},
                   {.test = 0.2, .fold = std::pair<int64_t, int64_t>(fold, 5), .seed = 2}, "x");
    expect_whole(split, 26);
    seen.insert(seen.end(), split.validation.begin(), split.validation.end());
    test = split.test;
  }
  const auto few = labels_of({4, 4, 4, 4, 4, 4, 4, 4, 4, 4});
  for (int64_t fold = 0; fold < 5; ++fold) {
    const auto which = std::pair<int64_t, int64_t>(fold, 5);
    EXPECT_EQ(draw_split(40, few, {}, {.fold = which, .seed = 2}, "x").validation.size(), 8u);
  }
  EXPECT_EQ(seen.size() + test.size(), 26u);
  EXPECT_EQ(std::set<int64_t>(seen.begin(), seen.end()).size(), seen.size());
}

TEST(Split, SomethingMustBeLeftToTrainOn) {
  EXPECT_NE(user_error([] {
              draw_split(4, {}, {}, {.validation = 0.5, .test = 0.5}, "pictures");
            }).find("pictures: of 4 samples none is left to train on"),
            std::string::npos);
}

}  // namespace
}  // namespace rung
