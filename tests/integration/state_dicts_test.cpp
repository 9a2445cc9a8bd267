// Weights between rung and Python: tests/python/state_dicts.py saves torchvision's, rung loads them
// and must agree; rung saves its own, and load_state_dicts.py loads them strictly and must agree.

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cstdlib>
#include <iostream>

#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/blocks/zoo.h"
#include "rung/exec/eager/convert.h"
#include "rung/exec/eager/module.h"
#include "rung/graph/new_head.h"
#include "rung/io/safetensors.h"
#include "rung/io/state_dict.h"
#include "rung/ops/dtype_eager.h"
#include "support/python.h"

namespace rung {
namespace {

constexpr const char* kNetworks[] = {"resnet18", "resnet34", "resnet50", "densenet121"};

Model network(const std::string& name) { return zoo(name, {{"classes", "10"}}); }

at::Tensor run(const Model& model, const at::Tensor& x) {
  const torch::NoGradGuard no_grad;
  Module net(model);
  net->eval();
  return net->forward(x);
}

/// The network after a step of training: weights and running statistics have moved.
Model trained(const std::string& name) {
  torch::manual_seed(7);
  Module net(network(name), ModuleOptions{.seed = 7});
  net->train();
  torch::optim::SGD optimizer(net->parameters(), /*lr=*/1e-3);
  net->forward(torch::randn({2, 3, 65, 97})).square().mean().backward();
  optimizer.step();
  return net->model();
}

class StateDicts : public ::testing::Test {
 protected:
  /// Skips loudly where PyTorch is missing.
  void python(const std::string& script) {
    const auto result = testing::run_python(script, folder_);
    ASSERT_NE(result, testing::PythonResult::kFailed) << script << " failed";
    if (result == testing::PythonResult::kMissing) {
      std::cerr << "SKIPPED, nothing compared: " << script << " needs PyTorch for Python\n";
      GTEST_SKIP();
    }
  }
  std::filesystem::path file(const std::string& name) const { return folder_.path() / name; }

  /// Loads the file into the network of that name, and compares with PyTorch's output.
  WeightReport compare(const std::string& name, const std::string& weights,
                       const std::filesystem::path& rename = {}) const {
    SCOPED_TRACE(weights);
    Model model = network(name);
    const WeightReport report = load_weights_file(model, file(weights), rename);
    const Weights want = load_safetensors(file(name + ".run.safetensors")).tensors;
    const at::Tensor y = to_torch(want.at("y"));
    const at::Tensor difference = run(model, to_torch(want.at("x"))) - y;
    EXPECT_LE((difference.abs().max() / y.abs().max()).item<double>(), 1e-5);
    return report;
  }

  testing::ScratchFolder folder_;
};

TEST_F(StateDicts, FromPython) {
  python("state_dicts.py");
  if (IsSkipped() || HasFatalFailure()) return;
  for (const std::string name : kNetworks) {
    EXPECT_TRUE(compare(name, name + ".pth").notes.empty());
    compare(name, name + ".legacy.pth");
    EXPECT_EQ(compare(name, name + ".parallel.pth").notes,
              (std::vector<std::string>{"its 'state_dict'", "'module.' taken off every name"}));
    const std::string library = name + ".library.safetensors";
    if (path_exists(file(library))) {
      EXPECT_TRUE(compare(name, library).notes.empty());
    } else {
      std::cerr << "SKIPPED in part: Python's safetensors is missing\n";
    }
    // Through rung, as safetensors.
    save_state_dict(file("again.safetensors"), load_state_dict(file(name + ".pth")).tensors);
    compare(name, "again.safetensors");
  }
}

// PyTorch's weights in a network of other classes that takes grey pictures: up to its head it gives what
// PyTorch's gives for the same picture in red, green and blue.
TEST_F(StateDicts, FromPythonForOtherClassesAndChannels) {
  python("state_dicts.py");
  if (IsSkipped() || HasFatalFailure()) return;
  Model original = network("resnet18");
  load_weights_file(original, file("resnet18.pth"));
  Model other = with_new_head(zoo("resnet18", {{"classes", "1000"}, {"in", "1"}}), 7);
  EXPECT_THROW(load_weights_file(other, file("resnet18.pth")), Error);
  const WeightReport report = load_weights_file(other, file("resnet18.pth"), {},
                                                {.new_head = true, .adapt_input = true});
  EXPECT_EQ(report.adapted,
            (std::vector<std::string>{"conv1.weight: 3 input channels summed to 1"}));
  EXPECT_EQ(report.fresh, (std::vector<std::string>{"fc.weight", "fc.bias"}));
  EXPECT_EQ(other.graph.type(other.graph.outputs()[0].value).shape, (Shape{1, 7}));
  const torch::NoGradGuard no_grad;
  const at::Tensor grey = at::rand({2, 1, 65, 97});
  const at::Tensor got = taps(other, {"flatten"}, grey)[0];
  const at::Tensor want = taps(original, {"flatten"}, grey.expand({-1, 3, -1, -1}).contiguous())[0];
  EXPECT_LE((got - want).abs().max().item<float>(), 1e-4 * want.abs().max().item<float>());
}

TEST_F(StateDicts, TypesFromPython) {
  python("state_dict_types.py");
  if (IsSkipped() || HasFatalFailure()) return;
  for (const std::string path : {"types.pth", "types.legacy.pth"}) {
    const Weights tensors = load_state_dict(file(path)).tensors;
    for (const auto& type : kDTypes) {
      if (!torch_has(type.dtype)) continue;
      const Tensor& tensor = tensors.at(std::string(type.name));  // a transposed part of its memory
      EXPECT_EQ(tensor.dtype(), type.dtype);
      ASSERT_EQ(tensor.shape(), (Shape{2, 3})) << type.name;
      for (int64_t i = 0; i < 6; ++i) {
        const auto want = static_cast<double>(2 + i / 3 + 2 * (i % 3));
        EXPECT_EQ(tensor.at(i), type.dtype == DType::kBool ? 1 : want) << type.name << " " << i;
      }
    }
  }
}

// DenseNet's names in torchvision before 2018, by a table.
TEST_F(StateDicts, FromPythonRenamed) {
  python("state_dicts.py");
  if (IsSkipped() || HasFatalFailure()) return;
  write_file(file("names.txt"),
             "*.denselayer*.norm.* -> *.denselayer*.norm*\n"
             "*.denselayer*.conv.* -> *.denselayer*.conv*\n");
  EXPECT_THROW(compare("densenet121", "densenet121.old.pth"), Error);
  EXPECT_TRUE(compare("densenet121", "densenet121.old.pth", file("names.txt")).notes.empty());
}

TEST_F(StateDicts, ToPython) {
  for (const std::string name : kNetworks) {
    const Model model = trained(name);
    const Weights state = state_dict(model);
    save_state_dict(file(name + ".pth"), state);
    save_state_dict(file(name + ".safetensors"), state);
    const at::Tensor x = at::randn({1, 3, 65, 97});
    const Weights results = {{"x", from_torch(x)}, {"y", from_torch(run(model, x))}};
    save_safetensors(file(name + ".rung.safetensors"), {.tensors = results});
  }
  Weights types;
  for (const auto& type : kDTypes) {
    if (!torch_has(type.dtype)) continue;  // Python's PyTorch is as old
    Tensor tensor(type.dtype, {2, 3});
    for (int64_t i = 0; i < 6; ++i) tensor.set(i, static_cast<double>(i % 2));
    types[std::string(type.name)] = tensor;
  }
  save_state_dict(file("types.pth"), types);
  save_state_dict(file("types.safetensors"), types);
  python("load_state_dicts.py");
}

// A training script's checkpoints of 2018, in the form before the archive, from a GPU.
TEST(StateDictFiles, RealCheckpoints) {
  const char* data = std::getenv("RUNG_DATA");
  const auto folder =
      std::filesystem::path(data == nullptr ? "/nowhere" : data) / "models/resnet-cifar10";
  if (!path_exists(folder)) {
    std::cerr << "SKIPPED: RUNG_DATA has no models/resnet-cifar10\n";
    GTEST_SKIP();
  }
  const StateDict state = load_state_dict(folder / "resnet20-12fca82f.th");
  EXPECT_EQ(state.note, "its 'state_dict'");
  int64_t weights = 0;
  for (const auto& [name, tensor] : state.tensors) {
    if (name.find("running") == std::string::npos) weights += tensor.elements();
    EXPECT_TRUE(to_torch(tensor).isfinite().all().item<bool>()) << name;
  }
  EXPECT_EQ(weights, 269722);  // the README of the network says 0.27 M
}

}  // namespace
}  // namespace rung
