// rung's networks next to PyTorch's own: tests/python/*.py makes weights, runs, and differentiates;
// rung loads the same weights and must agree.

#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>

#include "rung/base/file.h"
#include "rung/blocks/resnet.h"
#include "rung/blocks/skip_connection.h"
#include "rung/blocks/transformer.h"
#include "rung/blocks/zoo.h"
#include "rung/exec/eager/convert.h"
#include "rung/exec/eager/module.h"
#include "rung/io/load_weights.h"
#include "rung/io/safetensors.h"
#include "support/networks.h"
#include "support/python.h"

namespace rung {
namespace {

/// max |a - b| / max |b|
double relative_error(const at::Tensor& a, const at::Tensor& b) {
  if (!a.defined() || a.sizes() != b.sizes()) return std::numeric_limits<double>::infinity();
  const double scale = b.abs().max().item<double>();
  return (a - b).abs().max().item<double>() / std::max(scale, 1e-30);
}

/// The results of one script, made once for the tests of a suite.
class Parity : public ::testing::Test {
 protected:
  /// Skips loudly where PyTorch is missing.
  void make(const std::string& script) {
    switch (testing::run_python(script, folder_)) {
      case testing::PythonResult::kDone:
        return;
      case testing::PythonResult::kFailed:
        FAIL() << script << " failed";
      case testing::PythonResult::kMissing:
        std::cerr << "SKIPPED, nothing compared: " << script << " needs PyTorch for Python\n";
        GTEST_SKIP();
    }
  }

  Weights file(const std::string& name) const {
    return load_safetensors(folder_.path() / (name + ".safetensors")).tensors;
  }

  /// Loads the case's weights into the model and compares the output and every gradient.
  void compare(const std::string& name, Model model, bool training, double output_tolerance,
               double gradient_tolerance) const {
    SCOPED_TRACE(name);
    load_weights(model, file(name));
    Module net(model);
    net->train(training);
    const Weights run = file(name + ".run");
    const at::Tensor x = to_torch(run.at("x")).clone().requires_grad_();
    const at::Tensor y = net->forward(x);
    EXPECT_LE(relative_error(y, to_torch(run.at("y"))), output_tolerance);

    (y * to_torch(run.at("dy"))).sum().backward();
    EXPECT_LE(relative_error(x.grad(), to_torch(run.at("grad/x"))), gradient_tolerance);
    size_t gradients = 0;
    for (const auto& [key, weight] : net->weights()) {
      if (!weight.requires_grad()) continue;
      ++gradients;
      const auto want = run.find("grad/" + key);
      ASSERT_NE(want, run.end()) << key;
      EXPECT_LE(relative_error(weight.grad(), to_torch(want->second)), gradient_tolerance) << key;
    }
    EXPECT_EQ(gradients, run.size() - 4);  // all but x, y, dy, grad/x
  }

  /// PyTorch raised `error`, and rung gives `shape`, with a finite gradient for every weight.
  void show_promise(const std::string& name, const std::string& error, const Model& model,
                    const Shape& input, const Shape& shape) const {
    SCOPED_TRACE(name);
    const std::string text = read_file(folder_.path() / (name + ".error.txt"));
    EXPECT_NE(text.find(error), std::string::npos) << text;
    Module net(model);
    const at::Tensor y = net->forward(at::ones(input));
    EXPECT_EQ(y.sizes(), at::IntArrayRef(shape));
    y.sum().backward();
    for (const auto& [key, weight] : net->weights()) {
      EXPECT_TRUE(weight.grad().isfinite().all().item<bool>()) << key;
    }
  }

  testing::ScratchFolder folder_;
};

struct Widths {
  int64_t in, out;
  std::string name(const char* system) const { return fmt::format("{}_{}_{}", system, in, out); }
};

TEST_F(Parity, TheThreeSystems) {
  make("skip_systems.py");
  if (IsSkipped() || HasFatalFailure()) return;
  for (const Widths w : {Widths{64, 128}, {3, 16}, {16, 16}, {5, 7}}) {
    compare(w.name("add"), blocks::skip_connection_block({.in = w.in, .out = w.out}), true, 1e-5,
            1e-4);
  }
  for (const Widths w : {Widths{64, 128}, {4, 8}, {4, 7}, {1, 2}}) {
    compare(w.name("concat"), blocks::skip_connection_block_concat({.in = w.in, .out = w.out}),
            true, 1e-5, 1e-4);
  }
  for (const Widths w : {Widths{10, 10}, {1, 1}, {16, 16}}) {
    compare(w.name("rnn"), blocks::skip_connection_rnn({.input = w.in, .hidden = w.out}), true,
            1e-5, 1e-4);
  }
  for (const Widths w : {Widths{3, 16}, {64, 64}, {8, 5}}) {
    show_promise(w.name("concat"), "expected input",
                 blocks::skip_connection_block_concat({.in = w.in, .out = w.out}),
                 {1, w.in, 32, 32}, {1, w.out, 32, 32});
  }
  for (const Widths w : {Widths{10, 20}, {20, 10}, {1, 8}}) {
    show_promise(w.name("rnn"), "Sizes of tensors must match",
                 blocks::skip_connection_rnn({.input = w.in, .hidden = w.out}), {1, 100, w.in},
                 {1, 101, w.in});
  }
}

// Every name, shape and value of torchvision's state dicts: the load is strict. Convolutions sum in
// another order for other layouts of memory, so fifty layers agree to 1e-5, their gradients to
// 1e-3.
TEST_F(Parity, TorchvisionsNetworks) {
  make("torchvision_networks.py");
  if (IsSkipped() || HasFatalFailure()) return;
  for (const char* name : {"resnet18", "resnet34", "resnet50", "densenet121"}) {
    compare(name, zoo(name, {{"classes", "10"}}), false, 1e-5, 1e-3);
  }
}

TEST_F(Parity, TransformerLayer) {
  make("transformer_layer.py");
  if (IsSkipped() || HasFatalFailure()) return;
  Builder b;
  const Value x = b.input("x", {DType::kF32, {2, 11, 24}, sequence_roles()});
  b.output("output", blocks::transformer_layer(b, x, {.heads = 3, .feed_forward = 40}));
  compare("transformer_layer", std::move(b).finish(), true, 1e-5, 1e-4);
}

}  // namespace
}  // namespace rung
