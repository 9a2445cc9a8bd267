#include "rung/io/state_dict.h"

#include <gtest/gtest.h>

#include "rung/base/expect_error.h"
#include "rung/base/file.h"
#include "rung/base/temp_folder.h"
#include "rung/graph/builder.h"
#include "rung/io/model_file.h"
#include "rung/io/pytorch/pickle_testing.h"
#include "rung/io/safetensors.h"

namespace rung {
namespace {

// x ── conv ── bn ── y
Model network() {
  Builder b;
  const Value x = b.input("x", {DType::kF32, {1, 3, 8, 8}, map_roles(4)});
  b.output("y", b.batch_norm("bn", b.conv("conv", x, {.out = 4})));
  return std::move(b).finish();
}

Model drawn() {
  Model model = network();
  draw_missing(model, 1);
  return model;
}

void expect_same(const Weights& a, const Weights& b) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [name, tensor] : a) EXPECT_TRUE(tensor.identical(b.at(name))) << name;
}

TEST(StateDict, HasPyTorchsKeys) {
  std::vector<std::string> names;
  const Weights state = state_dict(drawn());
  for (const auto& [name, tensor] : state) names.push_back(name);
  EXPECT_EQ(names,
            (std::vector<std::string>{"bn.bias", "bn.num_batches_tracked", "bn.running_mean",
                                      "bn.running_var", "bn.weight", "conv.bias", "conv.weight"}));
  EXPECT_EQ(state.at("bn.num_batches_tracked").dtype(), DType::kI64);
  EXPECT_EQ(state.at("bn.num_batches_tracked").shape(), Shape{});
  EXPECT_EQ(user_error([] { state_dict(network()); }),
            "weight 'conv.weight' has no values yet; draw or load them first");
}

TEST(StateDict, TellsFilesByWhatIsInThem) {
  const TempFolder folder;
  const Model model = drawn();
  const Weights state = state_dict(model);
  save_state_dict(folder / "w.pth", state);
  save_state_dict(folder / "w.safetensors", state);
  save_model(model, folder / "w.rung");
  expect_same(load_state_dict(folder / "w.safetensors").tensors, state);
  expect_same(load_state_dict(folder / "w.rung").tensors, model.weights);
  std::filesystem::rename(folder / "w.pth", folder / "w.safetensors");
  expect_same(load_state_dict(folder / "w.safetensors").tensors, state);
  EXPECT_EQ(load_safetensors(folder / "w.rung").tensors.size(), 6u);
  EXPECT_THROW(save_state_dict(folder / "w.txt", state), Error);
}

TEST(StateDict, SaysWhatAFileIs) {
  const TempFolder folder;
  const auto refusal = [&](const std::string& name, const std::string& bytes) {
    write_file(folder / name, bytes);
    return user_error([&] { load_state_dict(folder / name); });
  };
  EXPECT_NE(refusal("w.bin", "hello, world").find("no file of weights that rung knows"),
            std::string::npos);
  EXPECT_NE(refusal("w.bin", "").find("no file of weights that rung knows"), std::string::npos);
  EXPECT_NE(refusal("w.bin", "\x08\x07\x12\x07pytorch").find("looks like an ONNX file"),
            std::string::npos);
  EXPECT_NE(refusal("w.safetensors", "hello").find("is a text file, and no file of weights"),
            std::string::npos);
  EXPECT_THROW(load_state_dict(folder / "no.pth"), Error);
  EXPECT_THROW(load_state_dict(folder.path()), Error);
}

TEST(StateDict, LoadsAFileIntoANetwork) {
  using namespace rung::testing;
  const TempFolder folder;
  Weights parallel;
  for (const auto& [name, tensor] : state_dict(drawn())) parallel["module." + name] = tensor;
  save_pth(folder / "w.pth", parallel);
  Model model = network();
  EXPECT_EQ(load_weights_file(model, folder / "w.pth").notes,
            std::vector<std::string>{"'module.' taken off every name"});
  expect_same(model.weights, drawn().weights);

  const TensorText one = {.elements = 1, .sizes = {1}, .strides = {1}};
  write_file(
      folder / "two.pth",
      legacy_file(dict({{"a", dict({{"old.b", tensor(one)}})}, {"b", dict({{"c", tensor(one)}})}}),
                  {{"0", {5}}}));
  write_file(folder / "names.txt", "old.* -> *\nnobody -> b\n");
  Builder b;
  b.output("y", b.param("b", {.shape = {1}}));
  Model single = std::move(b).finish();
  const auto report =
      load_weights_file(single, folder.path().string() + "/two.pth:a", folder / "names.txt");
  EXPECT_EQ(single.weights.at("b").at(0), 5);
  ASSERT_EQ(report.notes.size(), 2u);
  EXPECT_EQ(report.notes[0], "its 'a'");
  EXPECT_NE(report.notes[1].find("names.txt:2: nobody -> b"), std::string::npos);
}

TEST(StateDict, RenamesNoTwoTensorsToOneName) {
  const TempFolder folder;
  save_pth(folder / "w.pth", {{"a", Tensor::f32({1}, {1})}, {"b", Tensor::f32({1}, {1})}});
  write_file(folder / "names.txt", "a -> b\n");
  Model model = network();
  EXPECT_EQ(user_error([&] { load_weights_file(model, folder / "w.pth", folder / "names.txt"); }),
            "two tensors of the file become 'b', one of them 'b'");
}

}  // namespace
}  // namespace rung
