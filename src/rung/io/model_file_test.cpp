#include "rung/io/model_file.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "rung/base/file.h"
#include "rung/base/temp_folder.h"
#include "rung/graph/builder.h"
#include "rung/io/safetensors.h"

namespace rung {
namespace {

//   x ── conv1 ── relu1 ──┬── lstm:0 ─ y
//                         └── flat ── lstm:1 ─ h
Model example() {
  Builder b;
  Value x = b.input("x", {DType::kF32, {1, 3, 8, 8}, map_roles(4)});
  x = b.relu("relu1", b.conv("conv1", x, {.out = 4, .kernel = {3}, .stride = {2}}));
  const Value steps = b.add("steps", ops::Flatten{.first = 2, .last = -1}, {x});
  const Value y = b.lstm("lstm", steps, {.hidden = 5});
  b.output("y", y);
  b.output("h", {y.node, 1});
  b.output("pi", b.constant("odd:name", Tensor::f32({2}, {3.1415927F, -1e-30F})));
  Model model = std::move(b).finish("example");
  model.graph.add_skip_note({.name = "skip1",
                             .from = "conv1",
                             .to = "relu1",
                             .merge = "add",
                             .text = "nothing → inserted\n",
                             .source = x,
                             .adapted = x,
                             .target = x,
                             .merged = y});
  draw_missing(model, 1);
  return model;
}

TEST(ModelFile, GivesBackTheModel) {
  const TempFolder folder;
  const Model model = example();
  save_model(model, folder / "m.rung");
  const Model back = load_model(folder / "m.rung");
  EXPECT_EQ(print(back.graph), print(model.graph));
  EXPECT_EQ(back.name, "example");
  ASSERT_EQ(back.weights.size(), model.weights.size());
  for (const auto& [name, tensor] : model.weights) {
    EXPECT_TRUE(back.weights.at(name).identical(tensor)) << name;
  }
  for (size_t i = 0; i < model.graph.size(); ++i) {
    EXPECT_EQ(back.graph.nodes()[i].types, model.graph.nodes()[i].types);
    EXPECT_TRUE(back.graph.nodes()[i].op == model.graph.nodes()[i].op);
  }
  ASSERT_EQ(back.graph.skips().size(), 1u);
  EXPECT_EQ(back.graph.skips()[0].text, "nothing → inserted\n");
  EXPECT_EQ(back.graph.skips()[0].merged, model.graph.skips()[0].merged);

  const std::string bytes = read_file(folder / "m.rung");
  save_model(back, folder / "m.rung");
  EXPECT_EQ(read_file(folder / "m.rung"), bytes);
}

TEST(ModelFile, IsASafetensorsFileOfTheWeights) {
  const TempFolder folder;
  const Model model = example();
  save_model(model, folder / "m.rung");
  const Safetensors content = load_safetensors(folder / "m.rung");
  EXPECT_EQ(content.tensors.size(), model.weights.size());
  EXPECT_EQ(content.metadata.at("rung.version"), "1");
  EXPECT_EQ(nlohmann::json::parse(content.metadata.at("rung.graph"))["model"], "example");
}

TEST(ModelFile, KeepsWhatWasNeverDrawnUndrawn) {
  const TempFolder folder;
  Model model = example();
  model.weights.erase("conv1.weight");
  save_model(model, folder / "m.rung");
  EXPECT_FALSE(load_model(folder / "m.rung").weights.contains("conv1.weight"));
}

// Writes the example with its graph's JSON changed, and returns what reading it says.
template <typename Change>
PartialModel broken(Change change) {
  const TempFolder folder;
  save_model(example(), folder / "m.rung");
  Safetensors content = load_safetensors(folder / "m.rung");
  auto json = nlohmann::json::parse(content.metadata.at("rung.graph"));
  change(json);
  content.metadata["rung.graph"] = json.dump();
  save_safetensors(folder / "m.rung", content);
  return load_model_partly(folder / "m.rung");
}

nlohmann::json& node_named(nlohmann::json& json, const std::string& name) {
  for (auto& node : json["nodes"]) {
    if (node["name"] == name) return node;
  }
  throw std::runtime_error("no node " + name);
}

void expect_error(const PartialModel& partial, const std::string& part) {
  ASSERT_TRUE(partial.error.has_value()) << part;
  EXPECT_EQ(partial.error->kind(), ErrorKind::kUser);
  EXPECT_NE(std::string(partial.error->what()).find(part), std::string::npos)
      << partial.error->what();
}

TEST(ModelFile, ReadsABrokenGraphUpToTheFailingNode) {
  const PartialModel partial =
      broken([](auto& json) { node_named(json, "relu1")["inputs"] = {"conv2"}; });
  expect_error(partial, "input 0 of node 'relu1' is 'conv2', but no node before it has that name");
  EXPECT_TRUE(partial.model.graph.find("conv1").has_value());
  EXPECT_FALSE(partial.model.graph.find("relu1").has_value());
}

TEST(ModelFile, NamesWhatIsWrongInAGraph) {
  expect_error(broken([](auto& json) {
                 node_named(json, "conv1")["op"]["stride"] = {99, 0};
               }),
               "node 'conv1'");
  expect_error(broken([](auto& json) { node_named(json, "conv1")["op"]["op"] = "Convolve"; }),
               "Convolve");
  expect_error(broken([](auto& json) { node_named(json, "relu1")["name"] = "conv1"; }),
               "two nodes are named 'conv1'");
  expect_error(broken([](auto& json) { json["outputs"][1]["value"] = "lstm:3"; }),
               "output 'h' is 'lstm:3', but that node has 3 outputs");
  expect_error(broken([](auto& json) { json["outputs"][1]["value"] = "lstm:"; }), "'lstm:'");
  expect_error(broken([](auto& json) { json["nodes"][0] = 5; }), "must be a JSON object");
  expect_error(broken([](auto& json) { json["skips"][0].erase("merge"); }), "lacks \"merge\"");
  expect_error(broken([](auto& json) { node_named(json, "conv1.bias")["op"]["shape"] = {5}; }),
               "conv1");
}

TEST(ModelFile, RefusesWeightsThatDoNotBelong) {
  const TempFolder folder;
  Model model = example();
  model.weights["stranger"] = Tensor::f32({1}, {1});
  EXPECT_THROW(save_model(model, folder / "m.rung"), Error);
  EXPECT_TRUE(folder.empty());
}

}  // namespace
}  // namespace rung
