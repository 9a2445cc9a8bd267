// Exported programs as today's PyTorch writes them: tests/python/pt2_exported.py.

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "rung/base/error.h"
#include "rung/exec/eager/convert.h"
#include "rung/exec/eager/module.h"
#include "rung/exec/eager/pt2_file.h"
#include "rung/io/safetensors.h"
#include "support/python_files.h"
#include "support/trains.h"

namespace rung {
namespace {

class ExportedPt2 : public testing::PythonFiles<ExportedPt2> {
 public:
  static constexpr const char* kScript = "pt2_exported.py";

 protected:
  static TensorMap values(const Weights& run, int size, const std::string& side) {
    TensorMap out;
    const std::string prefix = fmt::format("{}/{}/", size, side);
    for (const auto& [key, tensor] : run) {
      if (key.starts_with(prefix)) out.emplace(key.substr(prefix.size()), to_torch(tensor));
    }
    return out;
  }

  /// The values of PyTorch for Python: at the exported sizes, and at two that were not.
  static Model expect_same(const std::string& name) {
    SCOPED_TRACE(name);
    const at::NoGradGuard no_grad;
    Model model = load_pt2(file(name + ".pt2"));
    Module net(model);
    net->eval();
    const Weights run = load_safetensors(file(name + ".run.safetensors")).tensors;
    for (int size = 0; size < 3; ++size) {
      const TensorMap got = net->forward(values(run, size, "in"));
      const TensorMap expected = values(run, size, "out");
      EXPECT_EQ(got.size(), expected.size());
      for (const auto& [key, want] : expected) {
        const bool there = got.contains(key) && got.at(key).sizes() == want.sizes();
        EXPECT_TRUE(there) << key << " at size " << size;
        if (!there) continue;
        const double error = (got.at(key) - want).abs().max().item<double>();
        EXPECT_LE(error, 1e-4 * want.abs().max().item<double>()) << key << " at size " << size;
      }
    }
    return model;
  }

  static bool has_node(const Model& model, const std::string& name) {
    for (const auto& node : model.graph.nodes()) {
      if (node.name == name) return true;
    }
    return false;
  }
};

TEST_F(ExportedPt2, GivesPythonsValuesAtSizesThatWereNotExported) {
  for (const char* name :
       {"decoder", "constants", "attention", "attention_core", "recurrent", "mask"}) {
    expect_same(name);
  }
}

TEST_F(ExportedPt2, HasTheModulesNamesAndWeights) {
  for (const char* name : {"net", "core"}) {
    const Model model = expect_same(name);
    for (const char* node : {"stem", "blocks.0.conv", "blocks.1.bn", "blocks.1.relu", "fc"}) {
      EXPECT_TRUE(has_node(model, node)) << name << ": " << node;
    }
    EXPECT_TRUE(model.weights.contains("blocks.1.bn.running_var"));
    EXPECT_TRUE(model.weights.contains("fc.bias"));
  }
}

TEST_F(ExportedPt2, Trains) {
  Module net(load_pt2(file("net.pt2")));
  testing::expect_trains(net, "blocks.0.bn.running_mean");
}

}  // namespace
}  // namespace rung
