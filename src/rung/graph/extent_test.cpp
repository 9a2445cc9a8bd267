#include "rung/graph/extent.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "rung/base/error.h"
#include "rung/blocks/zoo.h"
#include "rung/graph/builder.h"
#include "rung/graph/extents.h"
#include "rung/graph/rewrite.h"
#include "rung/join/plan.h"

namespace rung {
namespace {

TEST(SizeTable, SumsMeetInOneForm) {
  SizeTable t;
  const Extent h = t.symbol("h"), w = t.symbol("w");
  EXPECT_EQ(t.plus(t.plus(h, w), 2), t.plus(t.plus(w, 2), h));
  EXPECT_EQ(t.times(t.plus(h, 3), 2), t.plus(t.plus(h, h), 6));
  EXPECT_EQ(t.plus(t.times(h, -1), h), t.constant(0));
  EXPECT_NE(h, w);
  EXPECT_EQ(t.text(t.plus(t.times(h, 2), -1)), "2 h - 1");
}

TEST(SizeTable, ProductsMeetInOneForm) {
  SizeTable t;
  const Extent h = t.symbol("h"), w = t.symbol("w");
  EXPECT_EQ(t.times(t.times(h, 2), w), t.times(t.times(w, h), 2));
  EXPECT_EQ(t.times(h, 0), t.constant(0));
  EXPECT_EQ(t.exact_quotient(t.times(t.times(h, 6), w), t.times(h, 2)), t.times(w, 3));
  EXPECT_EQ(t.exact_quotient(t.times(h, 3), t.constant(2)), std::nullopt);
  EXPECT_EQ(t.exact_quotient(h, w), std::nullopt);
}

TEST(SizeTable, TwoHalvingsAreAQuartering) {
  SizeTable t;
  const Extent h = t.symbol("h");
  EXPECT_EQ(t.quotient(t.quotient(h, 2), 2), t.quotient(h, 4));
  const auto halved_up = [&](Extent x) { return t.plus(t.quotient(t.plus(x, -1), 2), 1); };
  EXPECT_EQ(halved_up(halved_up(h)), t.plus(t.quotient(t.plus(h, -1), 4), 1));
  EXPECT_NE(halved_up(h), t.quotient(h, 2));
  EXPECT_EQ(t.quotient(t.plus(t.times(h, 4), 3), 2), t.plus(t.times(h, 2), 1));
  EXPECT_EQ(t.quotient(t.constant(-1), 2), t.constant(-1));
}

// Random expressions, computed beside the table at random inputs: what it calls equal is equal.
TEST(SizeTable, EqualExpressionsHaveEqualValues) {
  std::mt19937 rng(1);
  const auto below = [&](int64_t n) { return static_cast<int64_t>(rng() % n); };
  const auto floor_div = [](int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); };
  constexpr size_t kSamples = 40;
  SizeTable t;
  std::map<Extent, std::vector<int64_t>> known;
  std::vector<std::pair<Extent, std::vector<int64_t>>> all;
  for (const char* name : {"a", "b", "c"}) {
    std::vector<int64_t> values(kSamples);
    for (int64_t& v : values) v = below(40);
    all.emplace_back(t.symbol(name), values);
  }
  size_t met = 0;
  for (int i = 0; i < 20000; ++i) {
    // Mostly shallow expressions, so that many meet.
    const auto& [x, xs] = all[rng() % std::min<size_t>(all.size(), 60)];
    const auto& [y, ys] = all[rng() % std::min<size_t>(all.size(), 60)];
    const int64_t n = below(7) - 3, d = below(4) + 1;
    Extent e;
    std::vector<int64_t> values(kSamples);
    const int kind = static_cast<int>(below(5));
    if (kind == 0) e = t.plus(x, y);
    if (kind == 1) e = t.plus(x, n);
    if (kind == 2) e = t.times(x, n);
    if (kind == 3) e = t.quotient(x, d);
    if (kind == 4) e = t.times(x, y);
    for (size_t k = 0; k < kSamples; ++k) {
      values[k] = kind == 0   ? xs[k] + ys[k]
                  : kind == 1 ? xs[k] + n
                  : kind == 2 ? xs[k] * n
                  : kind == 3 ? floor_div(xs[k], d)
                              : xs[k] * ys[k];
      // Far below the limits, so that the sums here never overflow.
      if (values[k] > 1000000 || values[k] < -1000000) values.clear();
      if (values.empty()) break;
    }
    if (values.empty()) continue;
    const auto [place, is_new] = known.try_emplace(e, values);
    if (!is_new) ++met;
    ASSERT_EQ(place->second, values) << t.text(e);
    if (is_new) all.emplace_back(e, values);
  }
  EXPECT_GT(met, 5000u);
}

TEST(SizeTable, NumbersBeyond64BitsAreSizesOfTheirOwn) {
  SizeTable t;
  const Extent h = t.symbol("h");
  const Extent big = t.times(h, INT64_MAX);
  EXPECT_NE(t.plus(big, big), t.constant(0));
  EXPECT_NE(t.times(big, 2), t.times(h, -2));
  EXPECT_NE(t.plus(t.constant(INT64_MAX), 1), t.constant(INT64_MIN));
  Extent deep = h;
  for (int i = 0; i < 200; ++i) deep = t.quotient(deep, 2);
  EXPECT_NE(deep, h);
}

TEST(Extents, FollowConvolutionsAndPools) {
  Builder b;
  const Value x = b.input("x", {DType::kF32, {2, 3, 33, 47}, map_roles(4)});
  const Value same = b.conv("same", x, {.out = 8, .kernel = {3}, .padding = {1}});
  const Value half = b.conv("half", x, {.out = 8, .kernel = {3}, .stride = {2}, .padding = {1}});
  const Value point = b.conv("point", x, {.out = 5, .kernel = {1}, .stride = {2}});
  const Value floor = b.max_pool("floor", x, 2, 2);
  const Value ceil = b.max_pool("ceil", x, 2, 2, 0, true);
  const Value up = b.conv_transpose("up", floor, {.out = 3, .kernel = {2}, .stride = {2}});
  const Value tokens = b.flatten("tokens", half, 2, -1);
  const Extents& e = b.extents();
  EXPECT_EQ(e.text(same), "[x.0, 8, x.2, x.3]");
  EXPECT_EQ(e.text(half), "[x.0, 8, (x.2 + 1) / 2, (x.3 + 1) / 2]");
  EXPECT_TRUE(e.equal(half, point, 2));
  EXPECT_FALSE(e.equal(half, point));
  EXPECT_TRUE(e.equal(half, ceil, 2));
  EXPECT_FALSE(e.equal(half, floor, 2));
  EXPECT_EQ(e.text(floor), "[x.0, x.1, x.2 / 2, x.3 / 2]");
  EXPECT_EQ(e.text(up), "[x.0, 3, 2 (x.2 / 2), 2 (x.3 / 2)]");
  EXPECT_FALSE(e.equal(up, x, 2));
  EXPECT_EQ(e.text(tokens), "[x.0, 8, ((x.2 + 1) / 2) * ((x.3 + 1) / 2)]");
}

TEST(Extents, FollowLayouts) {
  Builder b;
  const Value x = b.input("x", {DType::kF32, {2, 12, 6, 4}, map_roles(4)});
  const Value flat = b.flatten("flat", x, 2, -1);
  const Value back = b.add("back", ops::Reshape{{0, 0, 6, -1}}, {flat});
  const Value rest = b.add("rest", ops::Reshape{{0, 3, -1, 4}}, {x});
  const Value turned = b.add("turned", ops::Transpose{{0, 2, 1}}, {flat});
  const Value map = b.add("map", ops::TokensToMap{}, {turned, x});
  const Value deep = b.add("deep", ops::Unsqueeze{{2}}, {flat});
  const Value both = b.concat("both", {flat, flat}, 2);
  const Value last = b.add("last", ops::Slice{.axis = 2, .begin = -1}, {flat});
  const Extents& e = b.extents();
  EXPECT_EQ(e.text(back), "[x.0, x.1, 6, rest((x.0 * x.1 * x.2 * x.3), (6 (x.0 * x.1)))]");
  EXPECT_FALSE(e.equal(back, x));
  EXPECT_FALSE(e.equal(rest, x));
  EXPECT_EQ(e.text(turned), "[x.0, x.2 * x.3, x.1]");
  EXPECT_TRUE(e.equal(map, x));
  EXPECT_EQ(e.text(deep), "[x.0, x.1, 1, x.2 * x.3]");
  EXPECT_EQ(e.text(both), "[x.0, x.1, 2 (x.2 * x.3)]");
  EXPECT_FALSE(e.equal(last, flat));
}

TEST(Extents, TwoInputsAreNeverTheSame) {
  Builder b;
  const Value x = b.input("x", {1, 3, 8, 8}), y = b.input("y", {1, 3, 8, 8});
  const Value sum = b.sum("sum", x, y), mirrored = b.sum("mirrored", y, x);
  EXPECT_FALSE(b.extents().equal(x, y));
  EXPECT_FALSE(b.extents().equal(sum, x));
  EXPECT_TRUE(b.extents().equal(sum, mirrored));
}

// Every two axes of a graph that are called equal are so at the sizes of `other`.
void expect_equal_sizes(const Graph& graph, const Graph& other, const std::string& where) {
  Extents extents;
  extents.update(graph);
  std::map<Extent, int64_t> sizes;
  for (size_t i = 0; i < graph.size(); ++i) {
    const auto& types = graph.nodes()[i].types;
    for (size_t port = 0; port < types.size(); ++port) {
      const Value value{graph.id(i), static_cast<int32_t>(port)};
      const Shape& here = types[port].shape;
      const Shape& there = other.nodes()[i].types[port].shape;
      ASSERT_EQ(here.size(), there.size());
      for (size_t axis = 0; axis < here.size(); ++axis) {
        const auto [place, is_new] = sizes.try_emplace(extents.of(value, axis), there[axis]);
        ASSERT_EQ(place->second, there[axis])
            << where << ": axis " << axis << " of " << graph.nodes()[i].name << ", "
            << extents.text(value);
      }
    }
  }
}

// The graph at random sizes of batch, space and time; how many of them it accepts.
int try_sizes(const Graph& graph, const std::string& name, int tries) {
  std::mt19937 rng(7);
  int accepted = 0;
  for (int i = 0; i < tries; ++i) {
    std::map<std::string, TensorType, std::less<>> types;
    for (const NodeId id : graph.inputs()) {
      TensorType type = graph.type({id, 0});
      for (size_t axis = 0; axis < type.rank(); ++axis) {
        const Role role = type.roles[axis];
        if (role == Role::kBatch) type.shape[axis] = 1 + static_cast<int64_t>(i % 3);
        if (role == Role::kSpace || role == Role::kTime) {
          type.shape[axis] = 1 + static_cast<int64_t>(rng() % (i % 2 == 0 ? 300 : 70));
        }
      }
      types.emplace(graph.node(id).name, type);
    }
    try {
      expect_equal_sizes(graph, retype(graph, types), name);
      ++accepted;
    } catch (const Error&) {
    }
    if (::testing::Test::HasFatalFailure()) return accepted;
  }
  return accepted;
}

TEST(Extents, EqualMeansEqualAtEverySizeThatANetworkAccepts) {
  for (const ZooNetwork& network : zoo_networks()) {
    const Model model = zoo(network.name);
    EXPECT_GT(try_sizes(model.graph, network.name, 12), 0) << network.name;
    if (HasFatalFailure()) return;
  }
}

int idle_resizes(const JoinPlan& plan) {
  int count = 0;
  for (const SkipPlan& skip : plan.skips()) {
    for (const Insertion& i : skip.insertions) count += i.op.starts_with("ResizeLike") ? 1 : 0;
  }
  return count;
}

// Layers with windows on top of each other, at random: wherever two sizes are called equal, they
// are so at sizes that nobody looked at.
TEST(Extents, EqualMeansEqualBehindRandomWindows) {
  std::mt19937 rng(11);
  for (int round = 0; round < 20; ++round) {
    Builder b;
    std::vector<Value> values{b.input("x", {DType::kF32, {1, 2, 97, 98}, map_roles(4)})};
    for (int i = 0; i < 40; ++i) {
      const Value from = values[rng() % values.size()];
      const auto small = [&](int64_t n) { return static_cast<int64_t>(rng() % n); };
      const std::string name = fmt::format("n{}", i);
      const int64_t kernel = 1 + small(4), stride = 1 + small(3), padding = small(kernel / 2 + 1);
      try {
        switch (rng() % 6) {
          case 0:
            values.push_back(
                b.conv(name, from,
                       {.out = 2, .kernel = {kernel}, .stride = {stride}, .padding = {padding}}));
            break;
          case 1:
            values.push_back(b.max_pool(name, from, kernel, stride, padding, rng() % 2 == 0));
            break;
          case 2:
            values.push_back(b.conv_transpose(
                name, from, {.out = 2, .kernel = {kernel}, .stride = {stride}, .padding = {0}}));
            break;
          case 3: {
            const double scale = std::vector<double>{2, 0.5, 1.5, 0.25}[rng() % 4];
            values.push_back(b.add(name, ops::Resize{.scale = {scale, scale}}, {from}));
            break;
          }
          case 4:
            values.push_back(b.add(name, ops::ResizeLike{.axes = {2, 3}, .like_axes = {2, 3}},
                                   {from, values[rng() % values.size()]}));
            break;
          default:
            values.push_back(
                b.add(name, ops::Slice{.axis = 2 + small(2), .begin = small(3)}, {from}));
        }
      } catch (const Error&) {  // grown too small, or too large
      }
      if (b.type(values.back()).shape[2] > 4000) values.pop_back();
    }
    EXPECT_GT(try_sizes(b.graph(), "random windows", 10), 0);
    if (HasFatalFailure()) return;
  }
}

TEST(Extents, LeaveOutResizesThatNeverAct) {
  const JoinPlan resnet = join(zoo("resnet18"))
                              .skip({.from = "layer1", .to = "layer3"})
                              .skip({.from = "conv1", .to = "layer2", .merge = "concat"})
                              .skip({.from = "layer3.0", .to = "layer3.1", .merge = "gate"})
                              .plan();
  // A quartering by a strided projection is what two strided layers do; conv1 to layer2 has none.
  EXPECT_EQ(idle_resizes(resnet), 1) << resnet.explain();
  EXPECT_GT(try_sizes(resnet.apply().graph, "resnet18", 20), 10);
  const JoinPlan unet = join(zoo("unet")).skip({.from = "stage1", .to = "up1"}).plan();
  EXPECT_EQ(idle_resizes(unet), 0) << unet.explain();
  EXPECT_GT(try_sizes(unet.apply().graph, "unet", 20), 10);
  for (const char* name : {"skip_connection_block", "skip_connection_block_concat"}) {
    const JoinPlan block = join(zoo(name)).skip({.from = "conv1", .to = "conv2"}).plan();
    EXPECT_EQ(idle_resizes(block), 0) << block.explain();
  }
}

TEST(Extents, KeepResizesThatMayAct) {
  const JoinPlan plan = join({zoo("resnet18_encoder").named("enc"), zoo("decoder").named("dec")})
                            .wire("enc/layer4", "dec/input")
                            .skip({.from = "enc/layer3", .to = "dec/up1", .merge = "concat"})
                            .plan();
  // Twice the size of layer4 is not that of layer3 where that is odd.
  EXPECT_EQ(idle_resizes(plan), 1) << plan.explain();
  EXPECT_GT(try_sizes(plan.apply().graph, "encoder and decoder", 20), 10);
}

TEST(Extents, AreLinearInTheSizeOfTheGraph) {
  Builder b;
  Value x = b.input("x", {DType::kF32, {1, 8, 16, 16}, map_roles(4)});
  std::vector<Value> steps;
  for (int i = 0; i < 2500; ++i) {
    const auto scope = b.scope(fmt::format("l{}", i));
    x = b.relu("relu", b.conv("conv", x, {.out = 8, .kernel = {3}, .padding = {1}}));
    steps.push_back(x);
  }
  b.output("y", x);
  Join spec(join(std::move(b).finish()));
  for (int i = 0; i < 1000; ++i) {
    spec.skip({.from = fmt::format("l{}", i), .to = fmt::format("l{}", i + 1400)});
  }
  const JoinPlan plan = spec.plan();
  EXPECT_EQ(idle_resizes(plan), 0);
  EXPECT_EQ(plan.skips().size(), 1000u);
}

}  // namespace
}  // namespace rung
