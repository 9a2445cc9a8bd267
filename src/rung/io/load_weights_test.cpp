#include "rung/io/load_weights.h"

#include <gtest/gtest.h>

#include "rung/base/error.h"
#include "rung/graph/builder.h"

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

}  // namespace
}  // namespace rung
