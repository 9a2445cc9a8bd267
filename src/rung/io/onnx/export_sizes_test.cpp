// Sizes that an exported file declares free are free: behind large strides, and where files are
// read again by their nodes.

#include <gtest/gtest.h>

#include "rung/graph/builder.h"
#include "rung/graph/rewrite.h"
#include "rung/io/onnx/check_export.h"
#include "rung/io/onnx/export.h"
#include "rung/io/onnx/import.h"

namespace rung {
namespace {

std::string path_of(const std::string& name) {
  const auto* test = testing::UnitTest::GetInstance()->current_test_info();
  return testing::TempDir() + "/export_" + test->name() + name + ".onnx";
}

//   x ─┬─ conv / 8 ── resized ── * ── y
//      └─ conv / 32 ──┴──────────┘
Model network(int64_t size) {
  Builder b;
  const Value x = b.input("x", {1, 3, size, size});
  const Value fine = b.conv("fine", x, {.out = 4, .kernel = {8}, .stride = {8}});
  const Value coarse = b.conv("coarse", x, {.out = 4, .kernel = {32}, .stride = {32}});
  const Value fitted =
      b.add("fitted", ops::ResizeLike{.axes = {2, 3}, .like_axes = {2, 3}}, {fine, coarse});
  b.output("y", b.binary("y", ops::BinaryFn::kMul, fitted, coarse));
  Model model = std::move(b).finish();
  draw_missing(model, 1);
  return model;
}

TEST(ExportSizes, BehindAStrideOf32AreFree) {
  for (const int64_t size : {64, 224, 230}) {
    const Model model = network(size);
    const auto report = save_onnx(model, path_of(""));
    EXPECT_EQ(report.held, (std::vector<std::string>{}));
    EXPECT_EQ(report.inputs.at(0), "x: batch, 3, height, width");
    const Model again =
        load_onnx(path_of(""), {.shapes = {{"", {1, 3, size, size}}}, .ignore_metadata = true});
    const auto* input = again.graph.op_as<ops::Input>(again.graph.inputs().at(0));
    EXPECT_TRUE(input->fixed.empty()) << input->why;
    for (const Shape& shape : {Shape{2, 3, 128, 97}, Shape{1, 3, size + 33, size + 66}}) {
      const Graph want = resize_inputs(model.graph, {{"", shape}});
      const Graph have = resize_inputs(again.graph, {{"", shape}});
      EXPECT_EQ(have.type(have.outputs()[0].value).shape, want.type(want.outputs()[0].value).shape);
    }
  }
}

// A row of pixels more changes no patch; 16 more are refused.
TEST(ExportSizes, WhatFitsOnlyWhileNothingChangesIsHeld) {
  Builder b;
  const Value map =
      b.conv("patches", b.input("x", {1, 3, 64, 64}), {.out = 4, .kernel = {16}, .stride = {16}});
  const Value positions = b.param("positions", ops::Param{.shape = {4, 16}});
  b.output("y", b.sum("add", b.flatten("tokens", map, 2), positions));
  Model model = std::move(b).finish();
  draw_missing(model, 1);
  const auto report = save_onnx(model, path_of(""));
  EXPECT_EQ(report.inputs.at(0), "x: batch, 3, 64, 64");
  EXPECT_EQ(report.held, (std::vector<std::string>{"height of x, because of add (add)",
                                                   "width of x, because of add (add)"}));
}

// What find_not_followed is for: a file that was written from sizes that tell too little.
TEST(ExportSizes, ANumberInPlaceOfASizeIsFound) {
  const Model model = network(64);
  const NodeId x = model.graph.inputs().at(0);
  onnx_export::Sized sized{.model = &model, .symbols = {{"height", {{x, 2}}}, {"width", {{x, 3}}}}};
  for (size_t symbol = 0; symbol < 2; ++symbol) {
    sized.others.push_back(at_size(model.graph, {{"x", symbol + 2}}, symbol == 0 ? 96 : 65).graph);
    sized.symbol_of.push_back(symbol);
  }
  auto file = std::make_shared<onnx::ModelProto>();
  file->add_opset_import()->set_version(17);
  auto exported = onnx_export::write_graph(sized, 17);
  *file->mutable_graph() = exported.graph;
  const auto wrong = onnx_export::find_not_followed(file, exported, sized);
  ASSERT_TRUE(wrong);
  EXPECT_EQ(wrong->symbol, 1u) << wrong->why;
  sized.others[1] = at_size(model.graph, {{"x", 3}}, 96).graph;
  exported = onnx_export::write_graph(sized, 17);
  *file->mutable_graph() = exported.graph;
  EXPECT_FALSE(onnx_export::find_not_followed(file, exported, sized));
}

}  // namespace
}  // namespace rung
