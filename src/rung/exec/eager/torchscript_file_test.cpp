#include "rung/exec/eager/torchscript_file.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "rung/base/expect_error.h"
#include "rung/base/file.h"
#include "rung/exec/eager/convert.h"
#include "rung/exec/eager/module.h"
#include "rung/io/safetensors.h"
#include "support/python_files.h"
#include "support/trains.h"

namespace rung {
namespace {

namespace fs = std::filesystem;

/// The networks of tests/python/torchscript_files.py, made once.
class TorchScript : public testing::PythonFiles<TorchScript> {
 public:
  static constexpr const char* kScript = "torchscript_files.py";

 protected:
  /// The run's values of one size: "in" or "out".
  static TensorMap values(const std::string& name, int size, const std::string& side) {
    TensorMap out;
    const std::string prefix = fmt::format("{}/{}/", size, side);
    for (const auto& [key, tensor] : load_safetensors(file(name + ".run.safetensors")).tensors) {
      if (key.starts_with(prefix)) out.emplace(key.substr(prefix.size()), to_torch(tensor));
    }
    return out;
  }

  /// Example sizes as in the case's first run.
  static TorchScriptOptions options(const std::string& name) {
    TorchScriptOptions out;
    for (const auto& [key, x] : values(name, 0, "in")) out.shapes[key] = x.sizes().vec();
    return out;
  }

  /// The values of PyTorch for Python, at three sizes.
  static void expect_same(const std::string& name, const Model& model) {
    SCOPED_TRACE(name);
    const at::NoGradGuard no_grad;
    Module net(model);
    net->eval();
    for (int size = 0; size < 3; ++size) {
      const TensorMap got = net->forward(values(name, size, "in"));
      const TensorMap expected = values(name, size, "out");
      ASSERT_EQ(got.size(), expected.size());
      for (const auto& [key, want] : expected) {
        ASSERT_TRUE(got.contains(key)) << key;
        ASSERT_EQ(got.at(key).sizes(), want.sizes()) << key;
        const double error = (got.at(key) - want).abs().max().item<double>();
        EXPECT_LE(error, 1e-4 * want.abs().max().item<double>()) << key << " at size " << size;
      }
    }
  }
  static std::string names(const Model& model) {
    std::string out;
    for (const auto& node : model.graph.nodes()) {
      if (!std::holds_alternative<ops::Param>(node.op)) out += node.name + "\n";
    }
    return out;
  }
  static std::string message(const std::string& name, const TorchScriptOptions& options = {}) {
    return user_error([&] { load_torchscript(file(name), options); });
  }
};

TEST_F(TorchScript, GivesPythonsValuesAtThreeSizes) {
  for (const std::string way : {"scripted", "traced"}) {
    for (const char* network : {"net", "sizes", "lstm", "words"}) {
      const std::string name = way + "_" + network;
      SCOPED_TRACE(name);
      expect_same(name, load_torchscript(file(name + ".pt"), options(name)));
    }
  }
}

TEST_F(TorchScript, HasTheModulesNames) {
  for (const char* name : {"scripted_net", "traced_net"}) {
    const Model model = load_torchscript(file(name + std::string(".pt")), options(name));
    EXPECT_EQ(names(model),
              "x\nstem\nrelu\n"
              "blocks.0.drop\nblocks.0.conv1\nblocks.0.bn1\nblocks.0.add\nblocks.0.relu\n"
              "blocks.1.drop\nblocks.1.conv1\nblocks.1.bn1\nblocks.1.add\nblocks.1.relu\n"
              "pool\nflat\nfc\n");
    EXPECT_TRUE(model.weights.contains("blocks.1.bn1.running_var"));
    EXPECT_TRUE(model.weights.contains("fc.bias"));
  }
}

TEST_F(TorchScript, ChoosesTheSizesOfAnImage) {
  const Model model = load_torchscript(file("scripted_net.pt"));
  EXPECT_EQ(model.graph.type({model.graph.inputs()[0], 0}).shape, (Shape{1, 3, 224, 224}));
  expect_same("scripted_net", model);
}

TEST_F(TorchScript, Trains) {
  Module net(load_torchscript(file("scripted_net.pt"), options("scripted_net")));
  testing::expect_trains(net, "blocks.0.bn1.running_mean");
  const auto x = torch::randn({4, 3, 16, 16});
  EXPECT_FALSE(at::equal(net->forward(x), net->forward(x))) << "dropout drops nothing";
}

TEST_F(TorchScript, NamesResults) {
  const Model model = load_torchscript(file("results.pt"), options("results"));
  std::vector<std::string> outputs;
  for (const auto& output : model.graph.outputs()) outputs.push_back(output.name);
  EXPECT_EQ(outputs, (std::vector<std::string>{"mean", "pair.0", "pair.1"}));
  EXPECT_EQ(model.graph.inputs().size(), 1u) << "scale keeps its default";
  expect_same("results", model);
}

TEST_F(TorchScript, NumbersAreWhatTheNetworkIsMadeFor) {
  EXPECT_NE(message("number.pt", {.shapes = {{"x", {2, 3}}}}).find("the argument 'rate'"),
            std::string::npos);
  const auto x = torch::randn({5, 3});
  const TorchScriptOptions options{
      .shapes = {{"x", {2, 3}}},
      .numbers = {{"rate", Tensor::i64({}, {16000})}, {"soft", Tensor::i64({}, {0})}}};
  Module twice(load_torchscript(file("number.pt"), options));
  EXPECT_TRUE(at::allclose(twice->forward(x), x * 2));
}

TEST_F(TorchScript, ReadsAPart) {
  const Model block = load_torchscript(file("scripted_net.pt"),
                                       {.shapes = {{"x", {1, 8, 9, 9}}}, .part = "blocks.1"});
  EXPECT_EQ(names(block), "x\ndrop\nconv1\nbn1\nadd\nrelu\n");
  EXPECT_NE(message("scripted_net.pt", {.part = "block.1"}).find("nearest are blocks.1"),
            std::string::npos);
}

TEST_F(TorchScript, SaysWhatIsMissing) {
  const auto open = message("scripted_words.pt");
  EXPECT_NE(open.find("scripted_words.pt: the file does not say the sizes of the input 'tokens'"),
            std::string::npos)
      << open;
  EXPECT_NE(open.find("tokens=1x3x224x224"), std::string::npos) << open;
  const auto other = message("scripted_net.pt", {.shapes = {{"y", {1, 3, 8, 8}}}});
  EXPECT_NE(other.find("there is no input 'y'; the inputs are x"), std::string::npos) << other;
  const auto wrong = message("scripted_net.pt", {.shapes = {{"x", {1, 4, 8, 8}}}});
  EXPECT_NE(wrong.find("cannot run at the example's sizes, 'x' [1, 4, 8, 8]"), std::string::npos)
      << wrong;
  EXPECT_NE(wrong.find("expected input"), std::string::npos) << wrong;
}

TEST_F(TorchScript, RefusesWhatAGraphIsNot) {
  const auto refused = [&](const std::string& name, const Shape& shape) {
    return error_of(ErrorKind::kUnsupported, [&] {
      load_torchscript(file(name), {.shapes = {{"x", shape}}});
    });
  };
  const auto values = refused("on_values.pt", {2, 3});
  EXPECT_NE(values.find("it cannot branch on values"), std::string::npos) << values;
  const auto state = refused("counter.pt", {3});
  EXPECT_NE(state.find("changes its own 'state' as it runs"), std::string::npos) << state;
}

TEST_F(TorchScript, KnowsWeightsFromNetworks) {
  for (const char* name : {"weights.pth", "old.pth"}) {
    const auto text = message(name);
    EXPECT_NE(text.find(name + std::string(": the file holds weights, not a network")),
              std::string::npos)
        << text;
    EXPECT_NE(text.find("--weights"), std::string::npos) << text;
  }
}

// A file that is cut short, or has a byte changed, is read or refused.
TEST_F(TorchScript, BrokenFilesAreRefused) {
  const std::string whole = read_file(file("scripted_sizes.pt"));
  const auto load = [&](const std::string& content) {
    write_file(file("broken.pt"), content);
    try {
      load_torchscript(file("broken.pt"), options("scripted_sizes"));
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("broken.pt"), std::string::npos) << error.what();
      EXPECT_NE(error.kind(), ErrorKind::kBug) << error.what();
      return true;
    }
    return false;
  };
  for (size_t i = 0; i < 12; ++i) EXPECT_TRUE(load(whole.substr(0, whole.size() * i / 12)));
  EXPECT_TRUE(load("hello"));
  EXPECT_THROW(load_torchscript(file("absent.pt")), Error);
  size_t refused = 0;
  for (size_t i = 0; i < 60; ++i) {
    std::string changed = whole;
    changed[changed.size() * i / 60] ^= 0x55;
    refused += load(changed);
  }
  EXPECT_GT(refused, 20u);
}

}  // namespace
}  // namespace rung
