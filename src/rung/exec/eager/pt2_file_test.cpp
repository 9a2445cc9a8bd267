#include "rung/exec/eager/pt2_file.h"

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

/// The programs of tests/python/pt2_files.py, made once.
class Pt2 : public testing::PythonFiles<Pt2> {
 public:
  static constexpr const char* kScript = "pt2_files.py";

 protected:
  /// The values of PyTorch for Python at three sizes.
  static void expect_same(const Model& model) {
    const at::NoGradGuard no_grad;
    Module net(model);
    net->eval();
    const Weights run = load_safetensors(file("net.run.safetensors")).tensors;
    for (int i = 0; i < 3; ++i) {
      const TensorMap got =
          net->forward(TensorMap{{"x", to_torch(run.at(fmt::format("{}/in/x", i)))}});
      ASSERT_EQ(got.size(), 2u);
      for (const auto& [name, value] : got) {
        const at::Tensor want = to_torch(run.at(fmt::format("{}/out/{}", i, name)));
        ASSERT_EQ(value.sizes(), want.sizes()) << name;
        const double error = (value - want).abs().max().item<double>();
        EXPECT_LE(error, 1e-4 * want.abs().max().item<double>()) << name << " at size " << i;
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
};

TEST_F(Pt2, GivesPythonsValuesInEveryLayout) {
  for (const char* name : {"flat.pt2", "core.pt2", "pickled.pt2", "raw.pt2"}) {
    SCOPED_TRACE(name);
    const Model model = load_pt2(file(name));
    expect_same(model);
    EXPECT_TRUE(model.weights.contains("blocks.1.bn.running_var"));
  }
}

TEST_F(Pt2, HasTheModulesNames) {
  const std::string stem = "x\nstem\nrelu\n";
  const std::string blocks =
      "blocks.0.conv\nblocks.0.bn\nblocks.0.add\nblocks.0.relu\n"
      "blocks.1.conv\nblocks.1.bn\nblocks.1.add\nblocks.1.relu\n";
  EXPECT_EQ(names(load_pt2(file("flat.pt2"))), stem + blocks + "drop\nmean\nfc\n");
  EXPECT_EQ(names(load_pt2(file("raw.pt2"))), stem + blocks + "mean\nfc\n");
}

TEST_F(Pt2, HoldsTheSizesOfTheExport) {
  Module net(load_pt2(file("flat.pt2")));
  const auto message = user_error([&] { net->forward(torch::randn({2, 3, 18, 16})); });
  EXPECT_NE(message.find("holds at size 16"), std::string::npos) << message;
  const auto other = user_error([&] {
    load_pt2(file("flat.pt2"), {.shapes = {{"x", {2, 3, 18, 16}}}});
  });
  EXPECT_NE(other.find("exported with size 16 on axis 2 of the input 'x', not 18"),
            std::string::npos)
      << other;
}

TEST_F(Pt2, Trains) {
  Module net(load_pt2(file("raw.pt2")));
  testing::expect_trains(net, "blocks.0.bn.running_mean");
}

TEST_F(Pt2, SaysWhatIsWrongInTheProgram) {
  struct Case {
    const char *name, *message;
  };
  const Case cases[] = {
      {"unknown_operator", "node 'relu' (torch.ops.aten.reluu.default) is an operator that this"},
      {"wrong_type", "node 'stem' (torch.ops.aten.conv2d.default): argument 'weight' is int, and"},
      {"unknown_argument", "does not take an argument 'wait' in this LibTorch"},
      {"missing_argument",
       "node 'stem' (torch.ops.aten.conv2d.default) lacks its argument 'weight'"},
      {"unknown_name", "node 'relu' (torch.ops.aten.relu.default): argument 'self' uses 'nobody'"},
      {"missing_weight", "the file lacks the weight 'fc.bias', which its program uses"},
      {"wrong_shape", "weight 'fc.bias' is Float [4], and the program takes Float [5]"},
      {"branch", "node 'y' (torch.ops.higher_order.cond)"},
      {"no_json", "'serialized_exported_program.json' in the archive is no JSON"},
      {"no_graph", "the program lacks 'signature'"},
      {"no_program", "there is no exported program in the archive"},
      {"short_weight", "weight 'fc.bias' needs more than the 8 bytes"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const std::string name = c.name + std::string(".pt2");
    try {
      load_pt2(file(name));
      ADD_FAILURE() << "nothing was thrown";
    } catch (const Error& error) {
      const std::string text = error.what();
      EXPECT_NE(error.kind(), ErrorKind::kBug) << text;
      EXPECT_NE(text.find(c.message), std::string::npos) << text;
      EXPECT_NE(text.find(name + ": "), std::string::npos) << text;
    }
  }
}

// A file that is cut short, or has a byte changed, is read or refused.
TEST_F(Pt2, BrokenFilesAreRefused) {
  for (const char* name : {"flat.pt2", "raw.pt2"}) {
    const std::string whole = read_file(file(name));
    const auto refused = [&](const std::string& content) {
      write_file(file("broken.pt2"), content);
      try {
        load_pt2(file("broken.pt2"));
      } catch (const Error& error) {
        EXPECT_NE(error.kind(), ErrorKind::kBug) << error.what();
        EXPECT_NE(std::string(error.what()).find("broken.pt2"), std::string::npos) << error.what();
        return true;
      }
      return false;
    };
    for (size_t i = 0; i < 12; ++i) EXPECT_TRUE(refused(whole.substr(0, whole.size() * i / 12)));
    size_t count = 0;
    for (size_t i = 0; i < 60; ++i) {
      std::string changed = whole;
      changed[changed.size() * i / 60] ^= 0x55;
      count += refused(changed);
    }
    EXPECT_GT(count, 40u) << name;
  }
  EXPECT_THROW(load_pt2(file("absent.pt2")), Error);
}

}  // namespace
}  // namespace rung
