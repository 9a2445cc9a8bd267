// Random joins of built-in networks: whatever the ends, a plan either refuses or holds its
// promises, at the planned sizes and at others.

#include <gtest/gtest.h>

#include <random>
#include <set>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/blocks/zoo.h"
#include "rung/graph/rewrite.h"
#include "rung/graph/taps.h"
#include "rung/join/bridge.h"
#include "rung/join/plan.h"

namespace rung {
namespace {

class RandomJoin : public ::testing::TestWithParam<std::string> {};

std::vector<std::string> names() {
  std::vector<std::string> out;
  for (const ZooNetwork& network : zoo_networks()) out.push_back(network.name);
  return out;
}
INSTANTIATE_TEST_SUITE_P(Zoo, RandomJoin, ::testing::ValuesIn(names()),
                         [](const auto& info) { return info.param; });

// What a merge needs of its source is what the adapter ends at.
void check_adapter(const Graph& graph, const SkipNote& note, const MergeRule& rule) {
  const TensorType& adapted = graph.type(note.adapted);
  const TensorType& target = graph.type(note.target);
  const TensorType& merged = graph.type(note.merged);
  EXPECT_EQ(adapted.dtype, target.dtype) << note.text;
  switch (rule.needs) {
    case Needs::kSameType:
      EXPECT_EQ(adapted.shape, target.shape) << note.text;
      EXPECT_EQ(merged.shape, target.shape) << note.text;
      break;
    case Needs::kSameExtent: {
      Shape a = adapted.shape, t = target.shape;
      ASSERT_EQ(a.size(), t.size());
      const size_t channel = target.is_sequence() ? 2 : 1;
      a[channel] = t[channel] = 0;
      EXPECT_EQ(a, t) << note.text;
      EXPECT_EQ(merged.shape, target.shape) << note.text;
      break;
    }
    case Needs::kSameWidth:
      EXPECT_EQ(adapted.shape.size(), target.shape.size()) << note.text;
      break;
    case Needs::kVector:
      EXPECT_EQ(adapted.rank(), 2u) << note.text;
      EXPECT_EQ(merged.shape, target.shape) << note.text;
      break;
  }
}

// The input types at other sizes: odd ones, and another batch.
std::map<std::string, TensorType, std::less<>> other_sizes(const Graph& graph, std::mt19937& rng) {
  std::map<std::string, TensorType, std::less<>> types;
  for (const NodeId id : graph.inputs()) {
    TensorType type = graph.type({id, 0});
    for (size_t axis = 0; axis < type.rank(); ++axis) {
      if (type.roles[axis] == Role::kBatch) type.shape[axis] = 3;
      if (type.roles[axis] == Role::kSpace || type.roles[axis] == Role::kTime) {
        type.shape[axis] =
            std::max<int64_t>(1, type.shape[axis] - 20 + static_cast<int64_t>(rng() % 41));
      }
    }
    types.emplace(graph.node(id).name, type);
  }
  return types;
}

// The printed nodes in any order: a join may move some behind others.
std::multiset<std::string> lines(const Graph& graph) {
  const auto all = split(print(graph), '\n');
  return {all.begin(), all.end()};
}

bool accepts(const Graph& graph, const std::map<std::string, TensorType, std::less<>>& types) {
  try {
    retype(graph, types);
    return true;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUser) << error.what();
    return false;
  }
}

TEST_P(RandomJoin, KeepsItsPromises) {
  std::mt19937 rng(3);
  const Model model = zoo(GetParam());
  const TapIndex taps(model.graph);
  const auto& names = taps.names();
  const auto& rules = merge_rules();
  int planned = 0;
  for (int i = 0; i < 30; ++i) {
    const MergeRule& rule = rules[rng() % rules.size()];
    Skip skip{.from = names[rng() % names.size()],
              .to = names[rng() % names.size()],
              .merge = rule.name,
              .project = rng() % 4 == 0 ? Project::kAlways : Project::kSource,
              .norm = rng() % 4 == 0};
    const std::string what = to_string(skip);
    std::optional<JoinPlan> plan;
    try {
      plan = join(model).skip(skip).plan();
    } catch (const Error& error) {
      ASSERT_EQ(error.kind(), ErrorKind::kUser) << what << ": " << error.what();
      const std::string message = error.what();
      // Also where the merge itself fits, and a reader of the target then does not.
      EXPECT_TRUE(message.find(skip.from) != std::string::npos ||
                  message.find(skip.to) != std::string::npos || message.starts_with("node "))
          << what << ": " << message;
      continue;
    }
    const Graph& graph = plan->apply().graph;
    // A built-in network may have skips of its own; this is the last.
    if (graph.skips().empty() || graph.skips().back().name != "skip1") continue;  // read by nobody
    ++planned;
    check_adapter(graph, graph.skips().back(), rule);
    EXPECT_EQ(lines(without_skips(graph, std::vector<std::string>{"skip1"})), lines(model.graph))
        << what;
    for (int k = 0; k < 3; ++k) {
      const auto types = other_sizes(model.graph, rng);
      if (!accepts(model.graph, types)) continue;
      EXPECT_TRUE(accepts(graph, types)) << what;
    }
  }
  EXPECT_GT(planned, 3);
}

}  // namespace
}  // namespace rung
