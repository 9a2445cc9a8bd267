#include "rung/io/onnx/import.h"

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>

#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/graph/rewrite.h"
#include "rung/io/onnx/export.h"

namespace rung {
namespace {

void expect_says(const std::string& text, std::string_view part) {
  EXPECT_NE(text.find(part), std::string::npos) << "'" << text << "' lacks '" << part << "'";
}

/// A file of opset 17 with this graph, written in protobuf's text format, and these functions.
Model load(const std::string& graph, const OnnxOptions& options = {}, OnnxReport* report = nullptr,
           const std::string& functions = "") {
  onnx::ModelProto proto;
  const std::string text = R"(ir_version: 8
      opset_import { domain: "" version: 17 } opset_import { domain: "own" version: 1 } )" +
                           functions + " graph { " + graph + " }";
  if (!google::protobuf::TextFormat::ParseFromString(text, &proto)) fail_bug("the test's text");
  const auto* test = testing::UnitTest::GetInstance()->current_test_info();
  const std::string path = testing::TempDir() + "/import_" + test->name() + ".onnx";
  write_file(path, proto.SerializeAsString());
  return load_onnx(path, options, report);
}

/// The message of the error that the file is refused with.
std::string refusal(const std::string& graph, const OnnxOptions& options = {},
                    const std::string& functions = "") {
  try {
    load(graph, options, nullptr, functions);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

/// An input or output: sizes as numbers, or names of free ones.
std::string value(const std::string& kind, const std::string& name,
                  const std::vector<std::string>& sizes) {
  std::string text =
      kind + R"( { name: ")" + name + R"(" type { tensor_type { elem_type: 1 shape {)";
  for (const auto& size : sizes) {
    const bool number = std::isdigit(static_cast<unsigned char>(size[0])) != 0;
    text +=
        number ? " dim { dim_value: " + size + " }" : R"( dim { dim_param: ")" + size + R"(" })";
  }
  return text + " } } } }\n";
}

std::string node(const std::string& op, const std::vector<std::string>& in, const std::string& out,
                 const std::string& rest = "") {
  std::string text = R"(node { op_type: ")" + op + R"(" )";
  for (const auto& name : in) text += R"(input: ")" + name + R"(" )";
  return text + R"(output: ")" + out + R"(" )" + rest + " }\n";
}

std::string integers(const std::string& name, const std::vector<int64_t>& list) {
  std::string text =
      "initializer { name: \"" + name + "\" data_type: 7 dims: " + std::to_string(list.size());
  for (const int64_t n : list) text += " int64_data: " + std::to_string(n);
  return text + " }\n";
}

template <typename T>
size_t count(const Model& model) {
  size_t n = 0;
  for (const auto& each : model.graph.nodes()) n += std::holds_alternative<T>(each.op) ? 1 : 0;
  return n;
}

Shape result_at(const Model& model, const Shape& shape) {
  const TensorType type(DType::kF32, shape);
  const Graph other = retype(model.graph, {{"x", type}});
  return other.type(other.outputs().at(0).value).shape;
}

// x [batch, 3, width] ─┬─ Shape ─ Gather 0 ─ Unsqueeze ─ Concat [·, -1] ─┐
//                      └──────────────────────────────────────── Reshape ─ y
TEST(OnnxImport, KeepsFreeSizesThroughArithmetic) {
  const Model model =
      load(value("input", "x", {"batch", "3", "width"}) + value("output", "y", {"batch", "n"}) +
           integers("zero", {0}) + integers("rest", {-1}) + node("Shape", {"x"}, "s") +
           node("Gather", {"s", "zero"}, "n") +
           node("Concat", {"n", "rest"}, "to", "attribute { name: \"axis\" type: INT i: 0 }") +
           node("Reshape", {"x", "to"}, "y"));
  EXPECT_EQ(model.graph.op_as<ops::Input>(*model.graph.find("x"))->fixed, (ops::Sizes{}));
  EXPECT_EQ(result_at(model, {5, 3, 7}), (Shape{5, 21}));
  EXPECT_EQ(result_at(model, {2, 3, 33}), (Shape{2, 99}));
}

TEST(OnnxImport, HoldsASizeThatNoGraphCanFollow) {
  const Model model = load(value("input", "x", {"batch", "time", "1"}) +
                           value("output", "y", {"a", "b", "2"}) + node("DFT", {"x"}, "y"));
  const auto* input = model.graph.op_as<ops::Input>(*model.graph.find("x"));
  EXPECT_EQ(input->fixed, (ops::Sizes{1}));
  expect_says(input->why, "DFT");
  EXPECT_EQ(result_at(model, {9, input->type.shape[1], 1}).at(0), 9);
}

constexpr const char* kBranches = R"(
    attribute { name: "then_branch" type: GRAPH g { node { op_type: "Relu" input: "x" output: "a" } output { name: "a" } } }
    attribute { name: "else_branch" type: GRAPH g { node { op_type: "Tanh" input: "x" output: "b" } output { name: "b" } } })";

TEST(OnnxImport, TakesTheBranchThatConstantsDecide) {
  const std::string graph =
      value("input", "x", {"2", "3"}) + value("output", "y", {"2", "3"}) +
      node("Constant", {}, "no", "attribute { name: \"value_int\" type: INT i: 0 }") +
      node("Cast", {"no"}, "if", "attribute { name: \"to\" type: INT i: 9 }") +
      node("If", {"if"}, "y", kBranches);
  const Model model = load(graph);
  EXPECT_EQ(count<ops::Unary>(model), 1u);
  EXPECT_EQ(model.graph.op_as<ops::Unary>(model.graph.outputs().at(0).value.node)->fn,
            ops::UnaryFn::kTanh);
}

TEST(OnnxImport, RefusesABranchThatDataDecides) {
  const std::string message =
      refusal(value("input", "x", {"1"}) + value("output", "y", {"1"}) +
              node("Cast", {"x"}, "if", "attribute { name: \"to\" type: INT i: 9 }") +
              node("If", {"if"}, "y", kBranches));
  expect_says(message, "node 'y' (If): a branch that data decides");
}

TEST(OnnxImport, TurnsAGivenNumberIntoTheInputsType) {
  const std::string graph =
      value("input", "x", {"2", "3"}) + value("output", "y", {"2", "3"}) +
      "input { name: \"n\" type { tensor_type { elem_type: 7 shape { dim { dim_value: 1 } } } } }" +
      integers("limit", {5}) + node("Less", {"n", "limit"}, "if") +
      node("If", {"if"}, "y", kBranches);
  const auto fn_with = [&](double number) {
    Tensor given(DType::kF64, {});
    given.set(0, number);
    const Model model = load(graph, {.numbers = {{"n", given}}});
    return model.graph.op_as<ops::Unary>(model.graph.outputs().at(0).value.node)->fn;
  };
  EXPECT_EQ(fn_with(4), ops::UnaryFn::kRelu);
  EXPECT_EQ(fn_with(5), ops::UnaryFn::kTanh);
  expect_says(refusal(graph, {.numbers = {{"n", Tensor::f32({}, {1.5F})}}}),
              "the input 'n' is i64, which does not hold 1.5");
  expect_says(refusal(graph, {.numbers = {{"n", Tensor::f32({2}, {1, 2})}}}),
              "the input 'n' is i64[1], and 2 number(s) are given");
  expect_says(refusal(graph, {.numbers = {{"m", Tensor::f32({}, {1})}}}),
              "a number is given for 'm', which is no input; the inputs are x, n");
}

std::string floats(const std::string& output, const std::string& dims, int count, float number) {
  std::string text = "node { op_type: \"Constant\" output: \"" + output +
                     "\" attribute { name: \"value\" type: TENSOR t { data_type: 1 " + dims;
  for (int i = 0; i < count; ++i) text += " float_data: " + std::to_string(number + i);
  return text + " } } }\n";
}

std::string weight(const std::string& name, const std::string& dims, int count) {
  std::string text = "initializer { name: \"" + name + "\" data_type: 1 " + dims;
  for (int i = 0; i < count; ++i) text += " float_data: " + std::to_string(i);
  return text + " }\n";
}

// x [2, 5, 3] ─ MatMul (W' of mlp.0) ─ Add mlp.0.bias ─ MatMul (W' of mlp.2, which has no bias) ─ y
TEST(OnnxImport, TurnsWeightsOfLinearLayersBack) {
  const Model model =
      load(value("input", "x", {"2", "5", "3"}) + value("output", "y", {"2", "5", "4"}) +
           weight("onnx::MatMul_7", "dims: 3 dims: 2", 6) + weight("mlp.0.bias", "dims: 2", 2) +
           weight("onnx::MatMul_9", "dims: 2 dims: 4", 8) +
           node("MatMul", {"x", "onnx::MatMul_7"}, "a", R"(name: "/mlp/mlp.0/MatMul")") +
           node("Add", {"mlp.0.bias", "a"}, "b", R"(name: "/mlp/mlp.0/Add")") +
           node("MatMul", {"b", "onnx::MatMul_9"}, "y", R"(name: "/mlp/mlp.2/MatMul")"));
  EXPECT_TRUE(model.weights.at("mlp.0.weight").identical(Tensor::f32({2, 3}, {0, 2, 4, 1, 3, 5})));
  EXPECT_EQ(model.weights.at("mlp.2.weight").shape(), (Shape{4, 2}));
  EXPECT_EQ(count<ops::Linear>(model), 2u);
  EXPECT_EQ(count<ops::Binary>(model), 0u);
  for (const char* layer : {"mlp.0", "mlp.2"}) {
    const auto node = model.graph.find(layer);
    ASSERT_TRUE(node) << layer;
    EXPECT_NE(model.graph.op_as<ops::Linear>(*node), nullptr) << layer;
  }
}

// x [n, 6] ─ Reshape -1 ─ Gather(0 … 6n - 1, as [n, 6]) ─ y [n, 6]
TEST(OnnxImport, TakesAGatherOfEverythingInOrderForAReshape) {
  const Model model = load(
      value("input", "x", {"n", "6"}) + value("output", "y", {"n", "6"}) + integers("none", {0}) +
      integers("one", {1}) + integers("flat", {-1}) + node("Shape", {"x"}, "sizes") +
      node("Size", {"x"}, "count") + node("Squeeze", {"none"}, "from") +
      node("Squeeze", {"one"}, "step") + node("Range", {"from", "count", "step"}, "numbers") +
      node("Reshape", {"numbers", "sizes"}, "places") + node("Reshape", {"x", "flat"}, "list") +
      node("Gather", {"list", "places"}, "y"));
  EXPECT_EQ(count<ops::Gather>(model), 0u);
  EXPECT_EQ(result_at(model, {5, 6}), (Shape{5, 6}));
}

// x [n, 6] ─ SplitToSequence [4, 2] ─ …
TEST(OnnxImport, FollowsSequencesOfTensors) {
  const std::string graph = value("input", "x", {"n", "6"}) + integers("sizes", {4, 2}) +
                            integers("last", {-1}) +
                            node("SplitToSequence", {"x", "sizes"}, "parts",
                                 "attribute { name: \"axis\" type: INT i: 1 }");
  const auto result = [&](const std::string& size, const std::string& nodes) {
    return result_at(load(graph + value("output", "y", {"n", size}) + nodes), {5, 6});
  };
  const auto axis = [](int i) {
    return "attribute { name: \"axis\" type: INT i: " + std::to_string(i) + " }";
  };
  EXPECT_EQ(result("2", node("SequenceAt", {"parts", "last"}, "y")), (Shape{5, 2}));
  EXPECT_EQ(result("6", node("ConcatFromSequence", {"parts"}, "y", axis(1))), (Shape{5, 6}));
  EXPECT_EQ(result("6", node("SequenceInsert", {"parts", "x", "last"}, "more") +
                            node("SequenceErase", {"more"}, "less") +
                            node("SequenceInsert", {"less", "x"}, "again") +
                            node("SequenceErase", {"again", "last"}, "parted") +
                            node("SequenceAt", {"parted", "last"}, "six") +
                            node("SequenceConstruct", {"six", "six"}, "pair") +
                            node("ConcatFromSequence", {"pair"}, "y", axis(0))),
            (Shape{10, 6}));
  EXPECT_EQ(result("6", node("SequenceConstruct", {"x", "x"}, "pair") +
                            node("ConcatFromSequence", {"pair"}, "y",
                                 axis(-1) + R"(attribute { name: "new_axis" type: INT i: 1 })")),
            (Shape{5, 6, 2}));
  for (const std::string& wrong :
       {node("Relu", {"parts"}, "y"), node("SequenceAt", {"x", "last"}, "y"),
        node("SequenceEmpty", {}, "none") + node("SequenceErase", {"none"}, "y"),
        node("SequenceEmpty", {}, "none") + node("ConcatFromSequence", {"none"}, "y", axis(0)),
        node("SequenceInsert", {"parts"}, "y")}) {
    expect_says(refusal(graph + value("output", "y", {"n", "6"}) + wrong), "equence");
  }
  expect_says(refusal(graph + value("output", "parts", {"n", "6"})), "a sequence of tensors");
}

// x ─ Conv, its bias zeros under a name that an exporter made up ─ y
TEST(OnnxImport, HasNoBiasOfMadeUpZeros) {
  const auto with_bias = [](const std::string& name, const std::string& numbers) {
    return load(value("input", "x", {"1", "1", "4"}) + value("output", "y", {"1", "2", "4"}) +
                weight("conv.weight", "dims: 2 dims: 1 dims: 1", 2) + "initializer { name: \"" +
                name + "\" data_type: 1 dims: 2 " + numbers + " }\n" +
                node("Conv", {"x", "conv.weight", name}, "y", R"(name: "/conv/Conv")"))
        .weights.size();
  };
  EXPECT_EQ(with_bias("val_3", "float_data: 0 float_data: 0"), 1u);
  EXPECT_EQ(with_bias("val_3", "float_data: 0 float_data: 1"), 2u);
  EXPECT_EQ(with_bias("conv.bias", "float_data: 0 float_data: 0"), 2u);
}

// Numbers that nodes only compute with are no weights: x ─ Gemm (W, b [1]) ─ Add one [1] ─ y
TEST(OnnxImport, TrainsALayersSingleWeight) {
  const Model model = load(value("input", "x", {"2", "3"}) + value("output", "y", {"2", "1"}) +
                           weight("fc.weight", "dims: 1 dims: 3", 3) +
                           weight("fc.bias", "dims: 1", 1) + weight("one", "dims: 1", 1) +
                           node("Gemm", {"x", "fc.weight", "fc.bias"}, "a",
                                R"(name: "/fc/Gemm" attribute { name: "transB" type: INT i: 1 })") +
                           node("Add", {"a", "one"}, "y", R"(name: "/Add")"));
  EXPECT_TRUE(model.weights.contains("fc.bias"));
  EXPECT_EQ(model.weights.size(), 2u);
}

// x [n, t, 6] ─ Reshape [-1, 6] ─ MatMul ─ Add ─ Relu ─ Reshape [n, t, 4]
TEST(OnnxImport, WhatWasFlattenedIsCutAgainIntoTwoSizesThatVary) {
  const Model model =
      load(value("input", "x", {"n", "t", "6"}) + value("output", "y", {"n", "t", "4"}) +
           floats("w", "dims: 6 dims: 4", 24, 0.5F) + floats("b", "dims: 4", 4, 0.5F) +
           integers("rows", {-1, 6}) + integers("four", {4}) +
           node("Reshape", {"x", "rows"}, "flat") + node("MatMul", {"flat", "w"}, "product") +
           node("Add", {"product", "b"}, "sum") + node("Relu", {"sum"}, "positive") +
           node("Shape", {"x"}, "sizes", "attribute { name: \"end\" type: INT i: 2 }") +
           node("Concat", {"sizes", "four"}, "to", "attribute { name: \"axis\" type: INT i: 0 }") +
           node("Reshape", {"positive", "to"}, "y"));
  EXPECT_EQ(model.graph.op_as<ops::Input>(*model.graph.find("x"))->fixed, (ops::Sizes{}));
  EXPECT_EQ(result_at(model, {3, 7, 6}), (Shape{3, 7, 4}));
}

// Constants: w ─ Reshape ─┐  b ─┐       mask ─┐
//                   x ─ MatMul ─ Add ─ Relu ─ Mul ─ y
TEST(OnnxImport, TrainsWeightsThatConstantsHold) {
  const Model model = load(value("input", "x", {"n", "4"}) + value("output", "y", {"n", "2"}) +
                           floats("linear.w_0", "dims: 8", 8, 1) + integers("to", {4, 2}) +
                           floats("linear.b_0", "dims: 2", 2, 1) + floats("mask", "dims: 2", 2, 0) +
                           node("Reshape", {"linear.w_0", "to"}, "w") +
                           node("MatMul", {"x", "w"}, "a") + node("Add", {"linear.b_0", "a"}, "b") +
                           node("Relu", {"b"}, "c") + node("Mul", {"c", "mask"}, "y"));
  std::vector<std::string> names;
  for (const auto& [name, tensor] : model.weights) names.push_back(name);
  EXPECT_EQ(names, (std::vector<std::string>{"linear.b_0", "linear.w_0"}));
}

TEST(OnnxImport, TakesABiasOfConstantZerosAsNone) {
  const auto weights = [&](float bias) {
    return load(value("input", "x", {"1", "1", "4", "4"}) +
                value("output", "y", {"1", "2", "4", "4"}) +
                floats("val_1", "dims: 2 dims: 1 dims: 1 dims: 1", 2, 1) +
                "node { op_type: \"Constant\" output: \"val_2\" attribute { name: \"value\" type: "
                "TENSOR t { data_type: 1 dims: 2 float_data: " +
                std::to_string(bias) + " float_data: 0 } } }" +
                node("Conv", {"x", "val_1", "val_2"}, "y", "name: \"/conv1/Conv\""))
        .weights;
  };
  EXPECT_EQ(weights(0).size(), 1u);
  EXPECT_TRUE(weights(0).contains("conv1.weight"));
  EXPECT_EQ(weights(1).size(), 2u);
  EXPECT_TRUE(weights(1).contains("conv1.bias"));
}

TEST(OnnxImport, KeepsTheNamesOfInputsAndOutputs) {
  const Model model = load(value("input", "image/in:0", {"1", "3"}) +
                           value("output", "fusion/fusion_3/BiasAdd", {"1", "3"}) +
                           value("output", "image/in:0", {"1", "3"}) +
                           node("Relu", {"image/in:0"}, "fusion/fusion_3/BiasAdd"));
  EXPECT_EQ(model.graph.node(model.graph.inputs().at(0)).name, "image/in:0");
  EXPECT_EQ(model.graph.outputs().at(0).name, "fusion/fusion_3/BiasAdd");
  EXPECT_EQ(model.graph.outputs().at(1).name, "image/in:0");
  const std::string path = testing::TempDir() + "/kept_names.onnx";
  save_onnx(model, path);
  onnx::ModelProto written;
  ASSERT_TRUE(written.ParseFromString(read_file(path)));
  EXPECT_EQ(written.graph().input(0).name(), "image/in:0");
  EXPECT_EQ(written.graph().output(0).name(), "fusion/fusion_3/BiasAdd");
  EXPECT_EQ(written.graph().output(1).name(), "image/in:0");
  for (const bool nodes : {false, true}) {
    const Model again = load_onnx(path, {.ignore_metadata = nodes});
    EXPECT_EQ(again.graph.node(again.graph.inputs().at(0)).name, "image/in:0");
    EXPECT_EQ(again.graph.outputs().at(0).name, "fusion/fusion_3/BiasAdd");
  }
}

constexpr const char* kAddBody = R"(attribute { name: "body" type: GRAPH g {
    input { name: "i" } input { name: "more" } input { name: "state" }
    node { op_type: "Identity" input: "more" output: "again" }
    node { op_type: "Add" input: "state" input: "x" output: "next" }
    output { name: "again" } output { name: "next" } output { name: "next" } } })";

TEST(OnnxImport, WritesOutALoop) {
  const Model model =
      load(value("input", "x", {"batch", "3"}) + value("output", "all", {"3", "batch", "3"}) +
           integers("turns", {3}) +
           node("Loop", {"turns", "", "x"}, "last", std::string("output: \"all\" ") + kAddBody));
  EXPECT_EQ(count<ops::Binary>(model), 3u);
  EXPECT_EQ(result_at(model, {4, 3}), (Shape{3, 4, 3}));
}

std::string perm(const std::string& order) {
  return "attribute { name: \"perm\" type: INTS " + order + " }";
}

// As tf2onnx writes a network of TensorFlow's: x [N, H, W, C] ── Transpose ── Conv ── Transpose ──
// y
const std::string kChannelsLast =
    "initializer { name: \"w\" data_type: 1 dims: 2 dims: 3 dims: 1 dims: 1 float_data: 1 "
    "float_data: 2 float_data: 3 float_data: 4 float_data: 5 float_data: 6 }" +
    value("input", "x", {"batch", "height", "width", "3"}) +
    value("output", "y", {"batch", "height", "width", "2"}) +
    node("Transpose", {"x"}, "map", perm("ints: 0 ints: 3 ints: 1 ints: 2")) +
    node("Conv", {"map", "w"}, "conv") +
    node("Transpose", {"conv"}, "y", perm("ints: 0 ints: 2 ints: 3 ints: 1"));

TEST(OnnxImport, ReadsRolesOfInputsOffTheLayersThatReadThem) {
  const Roles last{Role::kBatch, Role::kSpace, Role::kSpace, Role::kChannel};
  Model model = load(kChannelsLast);
  EXPECT_EQ(model.graph.type({model.graph.inputs().at(0), 0}).roles, last);
  EXPECT_EQ(model.graph.type(model.graph.outputs().at(0).value).roles, last);
  EXPECT_EQ(model.graph.type({*model.graph.find("conv"), 0}).roles, map_roles(4));
  EXPECT_EQ(result_at(model, {2, 5, 7, 3}), (Shape{2, 5, 7, 2}));
  const Roles stated{Role::kBatch, Role::kTime, Role::kSpace, Role::kFeature};
  model = load(kChannelsLast, {.roles = {{"x", stated}}});
  EXPECT_EQ(model.graph.type({model.graph.inputs().at(0), 0}).roles, stated);
  expect_says(refusal(kChannelsLast, {.roles = {{"z", last}}}), "there is no input 'z'");
}

TEST(OnnxImport, RefusesALoopOfTooManyTurns) {
  expect_says(
      refusal(value("input", "x", {"1"}) + value("output", "last", {"1"}) +
              integers("turns", {1000000}) + node("Loop", {"turns", "", "x"}, "last", kAddBody)),
      "up to 4096 are written out");
}

constexpr const char* kScale =
    R"(functions { name: "Scale" domain: "own" input: "a" input: "w" output: "b"
    attribute: "alpha" opset_import { domain: "" version: 17 }
    node { op_type: "Mul" input: "a" input: "w" output: "m" }
    node { op_type: "LeakyRelu" input: "m" output: "b" attribute { name: "alpha" type: FLOAT ref_attr_name: "alpha" } } })";

TEST(OnnxImport, WritesOutFunctionsAroundOneWeight) {
  const std::string call = R"(domain: "own" attribute { name: "alpha" type: FLOAT f: 0.5 })";
  const Model model = load(value("input", "x", {"2"}) + value("output", "y", {"2"}) +
                               "initializer { name: \"scale.weight\" data_type: 1 dims: 2 "
                               "float_data: 3 float_data: 4 }" +
                               node("Scale", {"x", "scale.weight"}, "once", call) +
                               node("Scale", {"once", "scale.weight"}, "y", call),
                           {}, nullptr, kScale);
  EXPECT_EQ(count<ops::LeakyRelu>(model), 2u);
  ASSERT_EQ(model.weights.size(), 1u) << "one weight, used twice";
  EXPECT_EQ(model.weights.at("scale.weight").at(1), 4);
  const auto last = model.graph.outputs().at(0).value.node;
  EXPECT_FLOAT_EQ(static_cast<float>(model.graph.op_as<ops::LeakyRelu>(last)->slope), 0.5F);
}

TEST(OnnxImport, EndsWithFunctionsThatCallThemselves) {
  const std::string twice = R"(functions { name: "F" domain: "own" input: "a" output: "c"
      node { op_type: "F" domain: "own" input: "a" output: "b" }
      node { op_type: "F" domain: "own" input: "b" output: "c" } })";
  expect_says(refusal(value("input", "x", {"1"}) + value("output", "y", {"1"}) +
                          node("F", {"x"}, "y", "domain: \"own\""),
                      {}, twice),
              "within each other");
}

TEST(OnnxImport, NamesLayersAndTheirWeights) {
  OnnxReport report;
  const Model model =
      load(value("input", "x", {"batch", "2"}) + value("output", "y", {"batch", "1"}) +
               "initializer { name: \"onnx::MatMul_12\" data_type: 1 dims: 2 dims: 1 float_data: 1 "
               "float_data: 2 }" +
               node("MatMul", {"x", "onnx::MatMul_12"}, "m", "name: \"/head/fc/MatMul\"") +
               node("Sub", {"m", "m"}, "z", "name: \"/head/Sub\"") +
               node("Celu", {"z"}, "y",
                    "name: \"/head/Celu\" attribute { name: \"alpha\" type: FLOAT f: 2 }"),
           {}, &report);
  EXPECT_TRUE(model.graph.find("head.fc"));
  EXPECT_TRUE(model.graph.find("head.sub"));
  EXPECT_TRUE(model.weights.contains("head.fc.weight"));
  EXPECT_EQ(report.operators.at("MatMul").native, 1u);
  EXPECT_EQ(report.operators.at("Celu").composed, 1u);
  expect_says(report.text(), "MatMul");
}

// a.w and b.w are equal, and PyTorch's exporter writes one of them; trained, they part.
TEST(OnnxImport, AnIdentityOfAWeightIsAWeightOfItsOwn) {
  const std::string weight =
      R"(initializer { name: "a.w" data_type: 1 dims: 2 float_data: 1 float_data: 2 })";
  const Model model = load(value("input", "x", {"N", "2"}) + weight +
                           node("Identity", {"a.w"}, "b.w") + node("Mul", {"x", "a.w"}, "m") +
                           node("Add", {"m", "b.w"}, "y") + value("output", "y", {"N", "2"}));
  ASSERT_EQ(model.weights.size(), 2u);
  EXPECT_TRUE(model.weights.at("a.w").identical(model.weights.at("b.w")));
  EXPECT_NE(model.weights.at("a.w").data(), model.weights.at("b.w").data());
}

// 32 bits hold 0.1 as 0.100000001490116.
TEST(OnnxImport, AttributesAreTheNumbersThatWereMeant) {
  const Model model =
      load(value("input", "x", {"N", "2"}) +
           node("LeakyRelu", {"x"}, "y", R"(attribute { name: "alpha" type: FLOAT f: 0.1 })") +
           value("output", "y", {"N", "2"}));
  EXPECT_EQ(std::get<ops::LeakyRelu>(model.graph.nodes().back().op).slope, 0.1);
}

// The layout that exporters give the weights of recurrent layers, when nobody folds it.
TEST(OnnxImport, WeightsThatNodesOnlyArrangeAreKnown) {
  std::string numbers;
  for (int i = 0; i < 8; ++i) numbers += " float_data: " + std::to_string(i);
  const auto weight = [&](const std::string& name) {
    return "initializer { name: \"" + name + "\" data_type: 1 dims: 4 dims: 2" + numbers + " }\n";
  };
  const std::string hidden = R"(attribute { name: "hidden_size" type: INT i: 2 })";
  const Model model = load(
      value("input", "x", {"T", "1", "2"}) + weight("w") + weight("r") + integers("zero", {0}) +
      integers("two", {2}) + integers("axis", {0}) +
      node("Slice", {"w", "zero", "two", "axis"}, "w0") + node("Unsqueeze", {"w0", "zero"}, "W") +
      node("Slice", {"r", "zero", "two", "axis"}, "r0") + node("Unsqueeze", {"r0", "zero"}, "R") +
      node("RNN", {"x", "W", "R"}, "y", hidden) + value("output", "y", {"T", "1", "1", "2"}));
  EXPECT_EQ(count<ops::Recurrent>(model), 1u);
}

TEST(OnnxImport, SaysWhichTensorNobodyMakes) {
  expect_says(refusal(value("input", "x", {"1"}) + value("output", "y", {"1"}) +
                      node("Add", {"x", "lost"}, "y", "name: \"sum\"")),
              "node 'sum' (Add): it reads 'lost'");
}

TEST(OnnxImport, ListsAllOperatorsThatItLacks) {
  const std::string message =
      refusal(value("input", "x", {"1"}) + value("output", "y", {"1"}) + node("Foo", {"x"}, "a") +
              node("Relu", {"a"}, "b") + node("Bar", {"b"}, "y"));
  expect_says(message, "node 'a' (Foo)");
  expect_says(message, "Bar, Foo");
}

}  // namespace
}  // namespace rung
