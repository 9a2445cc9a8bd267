#include "rung/io/onnx/names.h"

#include <gtest/gtest.h>

namespace rung {
namespace {

using Names = std::vector<std::string>;

/// A node of PyTorch's newer exporter.
NodeOrigin within(const std::string& op, std::string_view scopes) {
  return {.name = "node_" + op, .op = op, .modules = modules_of_scopes(scopes)};
}

TEST(OnnxNames, AreTheModulesOfTheExporter) {
  EXPECT_EQ(layer_names({{"/layer1/layer1.0/conv1/Conv", "Conv"},
                         {"/layer1/layer1.0/Add", "Add"},
                         {"/fc/Gemm", "Gemm"}}),
            (Names{"layer1.0.conv1", "layer1.0.add", "fc"}));
}

TEST(OnnxNames, OfAModuleWithSeveralNodesStandBelowIt) {
  EXPECT_EQ(layer_names({{"/norm/Sub", "Sub"}, {"/norm/Div", "Div"}, {"/norm/Div_3", "Div"}}),
            (Names{"norm.sub", "norm.div", "norm.div_1"}));
}

TEST(OnnxNames, OfBothExportersAreTheSame) {
  EXPECT_EQ(layer_names({{"/layer1/layer1.0/conv1/Conv", "Conv"},
                         {"/layer1/layer1.0/relu/Relu", "Relu"},
                         {"/layer1/layer1.0/relu_1/Relu", "Relu"},
                         {"/layer1/layer1.0/Add", "Add"},
                         {"/layer1/layer1.0/Add_2", "Add"},
                         {"/Mul_1", "Mul"}}),
            (Names{"layer1.0.conv1", "layer1.0.relu", "layer1.0.relu_1", "layer1.0.add",
                   "layer1.0.add_1", "mul"}));
  const std::string block = "['', 'layer1', 'layer1.0', ";
  EXPECT_EQ(layer_names({within("Conv", block + "'layer1.0.conv1', 'conv2d_1']"),
                         within("Relu", block + "'layer1.0.relu', 'relu_2']"),
                         within("Relu", "['', 'layer1', \"layer1.0\", 'layer1.0.relu', 'relu_3']"),
                         within("Add", block + "'add_15']"), within("Add", block + "'add_31']"),
                         within("Mul", "['', 'mul_7']")}),
            (Names{"layer1.0.conv1", "layer1.0.relu.relu", "layer1.0.relu.relu_1", "layer1.0.add",
                   "layer1.0.add_1", "mul"}))
      << "two nodes of one call are one module's";
  EXPECT_EQ(
      layer_names({within("Relu", "['', 'a', 'a.relu', 'relu']"), within("Add", "['', 'a', 'add']"),
                   within("Relu", "['', 'a', 'a.relu', 'relu_1']")}),
      (Names{"a.relu", "a.add", "a.relu_1"}));
}

TEST(OnnxNames, OfASecondCallOfABlockHoldForAllWithin) {
  EXPECT_EQ(layer_names({within("Conv", "['', 'block', 'block.conv', 'conv2d']"),
                         within("Relu", "['', 'block', 'relu']"), within("Neg", "['', 'neg']"),
                         within("Conv", "['', 'block', 'block.conv', 'conv2d_1']"),
                         within("Relu", "['', 'block', 'relu_1']")}),
            (Names{"block.conv", "block.relu", "neg", "block_1.conv", "block_1.relu"}));
}

TEST(OnnxNames, OfNodesThatAnOptimiserMadeAreOfWhatIsAroundThem) {
  EXPECT_EQ(layer_names({within("Conv", "['', 'stage', 'stage.0', 'conv2d']"),
                         {"node_Split_17", "Split"},
                         within("Conv", "['', 'stage', 'stage.1', 'conv2d_1']"),
                         {"node_Neg_3", "Neg"}}),
            (Names{"stage.0", "stage.split", "stage.1", "node_neg_3"}));
}

TEST(OnnxNames, ReadTheModulesOfScopes) {
  EXPECT_EQ(modules_of_scopes("['', 'a', 'a.0', 'add']"), (Names{"a", "a.0"}));
  EXPECT_EQ(modules_of_scopes("['', 'add']"), Names{});
  EXPECT_EQ(modules_of_scopes("['_empty_nn_module_stack_from_metadata_hook', 'sym']"),
            std::nullopt);
  for (const char* broken : {"", "[", "['", "['', 'a", "['']", "[1, 2]"}) {
    EXPECT_EQ(modules_of_scopes(broken), std::nullopt) << broken;
  }
}

TEST(OnnxNames, OfAPartThatItsModuleReads) {
  NodeOrigin older{"/attention/Gemm", "Gemm"};
  NodeOrigin newer = within("Gemm", "['', 'attention', 'linear_1']");
  older.part = newer.part = "out_proj";
  EXPECT_EQ(layer_names({{"/attention/Softmax", "Softmax"}, older}),
            (Names{"attention.softmax", "attention.out_proj"}));
  EXPECT_EQ(layer_names({within("Softmax", "['', 'attention', 'softmax']"), newer}),
            (Names{"attention.softmax", "attention.out_proj"}));
}

TEST(OnnxNames, WithoutAPathStayAsTheyAre) {
  EXPECT_EQ(layer_names({{"Conv_0", "Conv"}, {"", "Relu"}}), (Names{"conv_0", ""}));
}

TEST(OnnxNames, KeepNothingThatTapsGiveAMeaning) {
  EXPECT_EQ(plain_name("input:0"), "input_0");
  EXPECT_EQ(plain_name("/a b@c"), "a_b_c");
}

TEST(OnnxNames, OfInputsAndOutputsAreTheFiles) {
  for (const char* name : {"fusion/fusion_3/BiasAdd", "input:0", "serving default", "é"}) {
    EXPECT_EQ(kept_name(name), name);
  }
  EXPECT_EQ(kept_name("a\nb"), "a_b");
  EXPECT_EQ(kept_name("a\xff"
                      "b"),
            "a_b");
  EXPECT_EQ(kept_name("a\xc3"), "a_");
}

TEST(OnnxNames, KnowWhatExportersMakeUp) {
  EXPECT_TRUE(is_made_up("onnx::Conv_123"));
  EXPECT_TRUE(is_made_up("493"));
  EXPECT_TRUE(is_made_up("val_12"));
  EXPECT_FALSE(is_made_up("val_loss"));
  EXPECT_FALSE(is_made_up("conv1.weight"));
}

}  // namespace
}  // namespace rung
