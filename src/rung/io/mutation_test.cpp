// Valid files, damaged at random: every reader either reads the result or throws rung::Error.

#include <gtest/gtest.h>

#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/base/temp_folder.h"
#include "rung/graph/builder.h"
#include "rung/io/graph_json.h"
#include "rung/io/image.h"
#include "rung/io/json.h"
#include "rung/io/model_file.h"
#include "rung/io/numpy/npy.h"
#include "rung/io/pytorch/pickle_testing.h"
#include "rung/io/pytorch/pth.h"
#include "rung/io/safetensors.h"
#include "support/mutation.h"

namespace rung {
namespace {

template <typename Read>
void survive(const std::string& valid, int count, uint64_t seed, Read read) {
  testing::survive([&](Rng& rng) { return testing::damaged(valid, rng); }, count, seed, read);
}

constexpr int kCount = 1500;

template <typename Save>
std::string bytes_of(Save save) {
  const TempFolder folder;
  save(folder / "file");
  return read_file(folder / "file");
}

double sum(const Weights& weights) {
  double total = 0;
  for (const auto& [name, tensor] : weights) {
    for (int64_t i = 0; i < std::min<int64_t>(tensor.elements(), 64); ++i) total += tensor.at(i);
  }
  return total;
}

TEST(Mutation, Safetensors) {
  const std::string valid = bytes_of([](const auto& path) {
    save_safetensors(path, {.tensors = {{"a.weight", Tensor(DType::kF32, {2, 3})},
                                        {"a.bias", Tensor(DType::kI64, {2})},
                                        {"flag", Tensor(DType::kBool, {1})}},
                            .metadata = {{"format", "pt"}}});
  });
  survive(valid, kCount, 1000, [](const auto& path) { sum(load_safetensors(path).tensors); });
}

TEST(Mutation, Pth) {
  const std::string valid = bytes_of([](const auto& path) {
    save_pth(path, {{"a.weight", Tensor(DType::kF32, {2, 3})}, {"n", Tensor(DType::kI64, {})}});
  });
  survive(valid, kCount, 6000, [](const auto& path) { sum(load_pth(path).tensors); });
}

// Before the archive, and so without check sums in front of the pickle.
TEST(Mutation, LegacyPth) {
  const std::string tensors = testing::dict({{"a", testing::tensor()}, {"b", testing::tensor()}});
  const std::string valid =
      testing::legacy_file(testing::dict({{"epoch", testing::whole(3)}, {"state_dict", tensors}}),
                           {{"0", {1, 2, 3, 4, 5, 6}}});
  survive(valid, 2 * kCount, 7000, [](const auto& path) { sum(load_pth(path).tensors); });
}

std::string model_bytes() {
  return bytes_of([](const auto& path) {
    Builder b;
    Value x = b.input("x", {DType::kF32, {1, 2, 6, 6}, map_roles(4)});
    x = b.relu("relu", b.batch_norm("bn", b.conv("conv", x, {.out = 3, .padding = {1}})));
    x = b.max_pool("pool", x, 2, 2);
    const Value tokens = b.add("tokens", ops::Flatten{.first = 2, .last = -1}, {x});
    const Value y = b.lstm("lstm", tokens, {.hidden = 4});
    b.output("y", b.linear("fc", y, 2));
    Model model = std::move(b).finish("m");
    draw_missing(model, 1);
    save_model(model, path);
  });
}

TEST(Mutation, ModelFile) {
  survive(model_bytes(), kCount, 2000, [](const auto& path) {
    const PartialModel partial = load_model_partly(path);
    print(partial.model.graph);
    if (partial.error) throw *partial.error;
  });
}

// Damage inside the graph's JSON, behind an intact header: the deeper half of the reader.
TEST(Mutation, Graph) {
  const TempFolder folder;
  write_file(folder / "valid", model_bytes());
  const Safetensors content = load_safetensors(folder / "valid");
  const std::string valid = content.metadata.at("rung.graph");
  survive(valid, kCount, 3000, [](const auto& path) {
    Graph graph;
    const auto error = read_graph_json(parse_json(read_file(path), "it"), "it", graph);
    if (error) throw *error;
  });
}

TEST(Mutation, Npy) {
  const std::string valid = bytes_of([](const auto& path) {
    save_npy(path, Tensor::f32({2, 3}, {1, 2, 3, 4, 5, 6}));
  });
  survive(valid, kCount, 4000, [](const auto& path) { load_npy(path); });
}

TEST(Mutation, Png) {
  const std::string valid = bytes_of([](const auto& path) {
    Tensor image(DType::kU8, {3, 12, 10});
    for (int64_t i = 0; i < image.elements(); ++i) image.set(i, static_cast<double>(i * 7 % 256));
    save_png(path, image);
  });
  survive(valid, kCount, 5000, [](const auto& path) { load_image(path); });
}

}  // namespace
}  // namespace rung
