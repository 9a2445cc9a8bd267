#include "rung/inspect/summary.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "rung/base/error.h"
#include "rung/graph/builder.h"

namespace rung {
namespace {

// x ── a.conv ── a.bn ── head
Model small() {
  Builder b;
  Value x = b.input("x", {DType::kF32, {1, 3, 8, 8}, map_roles(4)});
  {
    const auto scope = b.scope("a");
    x = b.batch_norm("bn", b.conv("conv", x, {.out = 4, .stride = {2}, .padding = {1}}));
  }
  b.output("y", b.linear("head", b.flatten("flat", x), 2));
  return std::move(b).finish("small");
}

TEST(Summary, CountsWeightsAndMacs) {
  const Summary summary = summarize(small().graph, "small");
  ASSERT_EQ(summary.rows.size(), 5u);
  EXPECT_EQ(summary.rows[1].name, "a.conv");
  EXPECT_EQ(summary.rows[1].weights, 4 * 3 * 9 + 4);
  EXPECT_EQ(summary.rows[1].macs, 4 * 4 * 4 * 3 * 9);
  EXPECT_EQ(summary.rows[1].connected_to, std::vector<std::string>{"x"});
  EXPECT_EQ(summary.weights, 112 + 16 + 64 * 2 + 2);
  EXPECT_EQ(summary.buffers, 8);
  EXPECT_EQ(summary.weight_bytes, summary.weights * 4);
  EXPECT_EQ(summary.macs, 4 * 4 * 4 * 3 * 9 + 64 * 2);
}

TEST(Summary, PrintsATable) {
  const std::string text = to_text(summarize(small().graph, "small"));
  EXPECT_NE(text.find("f32[N, 4, 4, 4]"), std::string::npos) << text;
  EXPECT_NE(text.find("(batch, channel, space, space)"), std::string::npos) << text;
  EXPECT_NE(text.find("y = head f32[N, 2] (batch, feature)"), std::string::npos) << text;
}

TEST(Summary, IsTheSameAsJson) {
  const auto json = nlohmann::json::parse(to_json(summarize(small().graph, "small")));
  EXPECT_EQ(json["layers"][1]["types"][0]["roles"][1], "channel");
  EXPECT_EQ(json["macs"], 4 * 4 * 4 * 3 * 9 + 64 * 2);
}

TEST(Summary, ListsTaps) {
  const Model model = small();
  const std::string text = taps_text(model.graph, "a*");
  EXPECT_NE(text.find("a.conv"), std::string::npos) << text;
  EXPECT_NE(text.find("2x2"), std::string::npos) << "stride against the input\n" << text;
  EXPECT_EQ(text.find("head"), std::string::npos) << text;
  EXPECT_THROW(taps_text(model.graph, "nothing*"), Error);
}

}  // namespace
}  // namespace rung
