#include "rung/io/load_weights.h"

#include <gtest/gtest.h>

#include "rung/base/error.h"
#include "rung/graph/builder.h"
#include "rung/graph/new_head.h"

namespace rung {
namespace {

// x ── fc ── y
Model line() {
  Builder b;
  const Value x = b.input("x", {DType::kF32, {1, 3}, vector_roles()});
  b.output("y", b.linear("fc", x, 2));
  return std::move(b).finish();
}

Weights fitting() {
  return {{"fc.weight", Tensor::f32({2, 3}, {1, 2, 3, 4, 5, 6})},
          {"fc.bias", Tensor::f32({2}, {7, 8})}};
}

TEST(LoadWeights, MatchesByName) {
  Model model = line();
  Weights given = fitting();
  given["bn.num_batches_tracked"] = Tensor::i64({}, {5});
  const WeightReport report = load_weights(model, given);
  EXPECT_TRUE(report.complete());
  EXPECT_EQ(report.matched, (std::vector<std::string>{"fc.weight", "fc.bias"}));
  EXPECT_EQ(model.weights.at("fc.bias").at(1), 8);
  EXPECT_EQ(model.weights.at("fc.weight").data(), given.at("fc.weight").data()) << "copied";
}

TEST(LoadWeights, RenamesAndConverts) {
  Model model = line();
  Tensor half(DType::kF16, {2});
  half.set(0, 0.5);
  Weights given = {{"module.fc.weight", fitting().at("fc.weight")}, {"module.fc.bias", half}};
  load_weights(model, given, {.rename = [](const std::string& name) { return name.substr(7); }});
  EXPECT_EQ(model.weights.at("fc.bias").dtype(), DType::kF32);
  EXPECT_EQ(model.weights.at("fc.bias").at(0), 0.5);
  EXPECT_THROW(load_weights(model, given, {.rename = [](const std::string&) { return "fc.bias"; }}),
               Error);
}

TEST(LoadWeights, ReportsAndLoadsNothingUnlessAllFits) {
  Model model = line();
  Weights given = {{"fc.weight", Tensor::f32({2, 2}, {1, 2, 3, 4})},
                   {"head.weight", Tensor::f32({1}, {1})},
                   {"fc.bias", Tensor::f32({2}, {7, 8})}};
  try {
    load_weights(model, given);
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()),
              "the weights do not fit the network: 1 matched, 0 missing, 1 unexpected, 1 of the "
              "wrong shape\n"
              "  unexpected   head.weight\n"
              "  wrong shape  fc.weight: the network needs f32[2, 3], the file has f32[2, 2]");
  }
  EXPECT_TRUE(model.weights.empty());
  const auto noted = load_weights(model, {}, {.strict = false, .notes = {"its 'model'"}});
  EXPECT_TRUE(noted.text().ends_with("\n  note         its 'model'")) << noted.text();
  given.erase("fc.weight");
  const WeightReport report = load_weights(model, given, {.strict = false});
  EXPECT_EQ(report.missing, std::vector<std::string>{"fc.weight"});
  EXPECT_EQ(report.unexpected, std::vector<std::string>{"head.weight"});
  EXPECT_EQ(model.weights.size(), 1u);
}

TEST(LoadWeights, RefusesIntegersForFloats) {
  Model model = line();
  Weights given = fitting();
  given["fc.bias"] = Tensor::i64({2}, {7, 8});
  EXPECT_THROW(load_weights(model, given), Error);
}

TEST(LoadWeights, ANewHeadTakesNothingOfTheFile) {
  Model model = with_new_head(line(), 5);
  EXPECT_EQ(model.graph.type(model.graph.outputs()[0].value).shape, (Shape{1, 5}));
  EXPECT_EQ(head_weights(model.graph), (std::vector<std::string>{"fc.weight", "fc.bias"}));
  EXPECT_THROW(load_weights(model, fitting()), Error);
  const WeightReport report = load_weights(model, fitting(), {.new_head = true});
  EXPECT_TRUE(report.complete());
  EXPECT_EQ(report.fresh, head_weights(model.graph));
  EXPECT_TRUE(model.weights.empty());
  draw_missing(model, 1);
  EXPECT_NE(model.weights.at("fc.weight").at(0), 0) << "drawn, not zeros";
}

TEST(LoadWeights, InputChannelsAreSummedOrRepeated) {
  const auto conv = [](int64_t in) {
    Builder b;
    const Value x = b.input("x", {DType::kF32, {1, in, 4, 4}, map_roles(4)});
    b.output("y", b.conv("conv", x, {.out = 1, .kernel = {1}, .bias = false}));
    return std::move(b).finish();
  };
  const Weights given = {{"conv.weight", Tensor::f32({1, 3, 1, 1}, {1, 2, 6})}};
  Model grey = conv(1), six = conv(6);
  EXPECT_THROW(load_weights(grey, given), Error);
  load_weights(grey, given, {.adapt_input = true});
  EXPECT_EQ(grey.weights.at("conv.weight").at(0), 9);
  const WeightReport report = load_weights(six, given, {.adapt_input = true});
  EXPECT_EQ(report.adapted[0], "conv.weight: 3 input channels repeated to 6");
  EXPECT_EQ(six.weights.at("conv.weight").at(5), 3);
}

}  // namespace
}  // namespace rung
