#include "rung/io/onnx/names.h"

#include <gtest/gtest.h>

namespace rung {
namespace {

using Names = std::vector<std::string>;

TEST(OnnxNames, AreTheModulesOfTheExporter) {
  EXPECT_EQ(layer_names({{"/layer1/layer1.0/conv1/Conv", "Conv"},
                         {"/layer1/layer1.0/Add", "Add"},
                         {"/fc/Gemm", "Gemm"}}),
            (Names{"layer1.0.conv1", "layer1.0.add", "fc"}));
}

TEST(OnnxNames, OfAModuleWithSeveralNodesStandBelowIt) {
  EXPECT_EQ(layer_names({{"/norm/Sub", "Sub"}, {"/norm/Div", "Div"}, {"/norm/Div_1", "Div"}}),
            (Names{"norm.sub", "norm.div", "norm.div_1"}));
}

TEST(OnnxNames, WithoutAPathStayAsTheyAre) {
  EXPECT_EQ(layer_names({{"Conv_0", "Conv"}, {"", "Relu"}}), (Names{"conv_0", ""}));
}

TEST(OnnxNames, KeepNothingThatTapsGiveAMeaning) {
  EXPECT_EQ(plain_name("input:0"), "input_0");
  EXPECT_EQ(plain_name("/a b@c"), "a_b_c");
}

TEST(OnnxNames, KnowWhatExportersMakeUp) {
  EXPECT_TRUE(is_made_up("onnx::Conv_123"));
  EXPECT_TRUE(is_made_up("493"));
  EXPECT_FALSE(is_made_up("conv1.weight"));
}

}  // namespace
}  // namespace rung
