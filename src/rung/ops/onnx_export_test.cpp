// Every op of the list, written as ONNX and read back node by node: the same numbers, at the sizes
// at which it was written and at others.
#include "rung/ops/onnx_export.h"

#include <torch/torch.h>

#include <cstdlib>

#include "rung/base/temp_folder.h"
#include "rung/exec/eager/convert.h"
#include "rung/exec/eager/module.h"
#include "rung/graph/rewrite.h"
#include "rung/io/onnx/export.h"
#include "rung/io/onnx/import.h"
#include "rung/io/safetensors.h"
#include "rung/ops/eager.h"
#include "rung/ops/every_op_eager.h"

namespace rung {
namespace {

using ops::Case;

constexpr uint64_t kCasesPerOp = 40;

/// The op on inputs x0, x1, …; weights of recurrent layers, and now and then others, are weights.
Model network_of(const Case& c, const std::vector<at::Tensor>& in, Rng& rng) {
  Model model;
  std::vector<Value> values;
  const auto* recurrent = std::get_if<ops::Recurrent>(&c.op);
  const size_t first_weight = recurrent == nullptr                  ? 1
                              : !recurrent->has_state               ? 1
                              : recurrent->cell == ops::Cell::kLstm ? 3
                                                                    : 2;
  for (size_t i = 0; i < in.size(); ++i) {
    const bool weight = i >= first_weight && (recurrent != nullptr || ops::chance(rng, 0.5));
    const std::string name = (weight ? "w" : "x") + std::to_string(i);
    const Op leaf =
        weight ? Op(ops::Param{.dtype = c.inputs[i].type.dtype, .shape = c.inputs[i].type.shape})
               : Op(ops::Input{.type = c.inputs[i].type});
    values.push_back({model.graph.add(name, leaf, {}), 0});
    if (weight) model.weights[name] = from_torch(in[i]);
  }
  const NodeId node = model.graph.add("op", c.op, values);
  const auto outputs = static_cast<int32_t>(model.graph.node(node).types.size());
  for (int32_t port = 0; port < outputs; ++port) {
    model.graph.add_output("y" + std::to_string(port), {node, port});
  }
  return model;
}

TensorMap run(const Model& model, const TensorMap& inputs) {
  const torch::NoGradGuard no_grad;
  Module net(model);
  net->eval();
  return net->forward(inputs);
}

void expect_close(const TensorMap& actual, const TensorMap& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (const auto& [name, y] : expected) {
    const at::Tensor& x = actual.at(name);
    ASSERT_EQ(type_text(x), type_text(y)) << name;
    const double largest =
        y.numel() == 0 ? 0 : y.to(at::kDouble).nan_to_num(0, 0, 0).abs().max().item<double>();
    EXPECT_TRUE(at::allclose(x.to(at::kDouble), y.to(at::kDouble), 0, 1e-5 * (1 + largest),
                             /*equal_nan=*/true))
        << name << " differs";
  }
}

/// Files for another runtime to run, where the environment names a folder for them.
void keep(const std::filesystem::path& file, const TensorMap& inputs, const TensorMap& outputs,
          const std::string& name) {
  const char* folder = std::getenv("RUNG_ONNX_CASES");
  if (folder == nullptr) return;
  const std::filesystem::path to = std::filesystem::path(folder) / name;
  std::filesystem::create_directories(to);
  std::filesystem::copy_file(file, to / "model.onnx",
                             std::filesystem::copy_options::overwrite_existing);
  Safetensors in, out;
  for (const auto& [key, value] : inputs) in.tensors[key] = from_torch(value.contiguous());
  for (const auto& [key, value] : outputs) out.tensors[key] = from_torch(value.contiguous());
  save_safetensors(to / "inputs.safetensors", in);
  save_safetensors(to / "outputs.safetensors", out);
}

class EveryOpAsOnnx : public testing::TestWithParam<size_t> {};

TEST_P(EveryOpAsOnnx, ComesBackTheSame) {
  const TempFolder folder;
  const auto file = folder.path() / "op.onnx";
  size_t written = 0;
  for (uint64_t seed = 0; seed < kCasesPerOp; ++seed) {
    Rng rng(seed, "onnx");
    const Case c = ops::kGenerators[GetParam()](rng);
    SCOPED_TRACE("seed " + std::to_string(seed) + ": " + ops::describe(c));
    if (c.training) continue;
    const auto in = ops::draw_all(c, rng);
    const Model model = network_of(c, in, rng);
    TensorMap inputs;
    for (const NodeId id : model.graph.inputs()) {
      const std::string& name = model.graph.node(id).name;
      inputs[name] = in[std::stoul(name.substr(1))];
    }
    try {
      save_onnx(model, file);
    } catch (const Error& error) {
      ASSERT_EQ(error.kind(), ErrorKind::kUnsupported) << error.what();
      continue;
    }
    ++written;
    const TensorMap expected = run(model, inputs);
    keep(file, inputs, expected, ops::alternative_name({GetParam(), 0}) + std::to_string(seed));
    OnnxOptions options{.ignore_metadata = true};
    for (const auto& [name, value] : inputs) {
      options.shapes[name] = Shape(value.sizes().begin(), value.sizes().end());
    }
    try {
      expect_close(run(load_onnx(file, options), inputs), expected);
    } catch (const std::exception& error) {
      FAIL() << error.what();
    }
    if (HasFailure()) return;
  }
  EXPECT_GT(written, 0u) << "no case was written";
}

INSTANTIATE_TEST_SUITE_P(Onnx, EveryOpAsOnnx, testing::Range<size_t>(0, ops::kGenerators.size()),
                         ops::alternative_name);

}  // namespace
}  // namespace rung
