// Every op of the list, compiled: random attributes and inputs, against LibTorch. Maps come both
// row-major and in oneDNN's blocks (behind a convolution that changes nothing).
#include "rung/ops/onednn.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <map>

#include "rung/base/error.h"
#include "rung/exec/eager/convert.h"
#include "rung/exec/onednn/program.h"
#include "rung/ops/eager.h"
#include "rung/ops/every_op_eager.h"

namespace rung {
namespace {

using ops::Case;
using ops::kGenerators;

constexpr uint64_t kCasesPerOp = 60;

/// Whether an op's inputs behind the first are weights.
bool has_weights(const Op& op) {
  return std::holds_alternative<ops::Conv>(op) || std::holds_alternative<ops::ConvTranspose>(op) ||
         std::holds_alternative<ops::Linear>(op) || std::holds_alternative<ops::BatchNorm>(op) ||
         std::holds_alternative<ops::LayerNorm>(op) || std::holds_alternative<ops::GroupNorm>(op) ||
         std::holds_alternative<ops::InstanceNorm>(op) || std::holds_alternative<ops::PRelu>(op) ||
         std::holds_alternative<ops::Recurrent>(op) || std::holds_alternative<ops::Embedding>(op);
}

bool is_map(const TensorType& type) {
  return type.dtype == DType::kF32 && type.rank() >= 3 && type.rank() <= 5 && type.elements() > 0;
}

/// The case as a network; `values` are its inputs.
Model network_of(const Case& c, const std::vector<at::Tensor>& in, bool blocked, Rng& rng,
                 std::vector<Tensor>& values) {
  Model model;
  std::vector<Value> inputs;
  for (size_t i = 0; i < in.size(); ++i) {
    const TensorType& type = c.inputs[i].type;
    const std::string name = "x" + std::to_string(i);
    if (i > 0 && (has_weights(c.op) || ops::chance(rng, 0.3))) {
      const auto id =
          model.graph.add(name, ops::Param{.dtype = type.dtype, .shape = type.shape}, {});
      model.weights[name] = from_torch(in[i].contiguous());
      inputs.push_back({id, 0});
      continue;
    }
    Value value{model.graph.add(name, ops::Input{.type = type}, {}), 0};
    values.push_back(from_torch(in[i].contiguous()));
    if (blocked && is_map(type)) {
      Shape shape(type.rank(), 1);
      shape[0] = shape[1] = type.shape[1];
      const auto eye = torch::eye(type.shape[1]).reshape(shape).contiguous();
      const auto weight = model.graph.add(name + ".eye", ops::Param{.shape = shape}, {});
      model.weights[name + ".eye"] = from_torch(eye);
      value = {model.graph.add(name + ".conv", ops::Conv{}, {value, {weight, 0}}), 0};
    }
    inputs.push_back(value);
  }
  const NodeId op = model.graph.add("op", c.op, inputs);
  for (size_t k = 0; k < model.graph.node(op).types.size(); ++k) {
    model.graph.add_output("y" + std::to_string(k), {op, static_cast<int32_t>(k)});
  }
  return model;
}

void expect_close(const Tensor& got, const at::Tensor& want, size_t k) {
  const at::Tensor have = to_torch(got);
  ASSERT_EQ(have.sizes(), want.sizes()) << "output " << k;
  ASSERT_EQ(have.scalar_type(), want.scalar_type()) << "output " << k;
  if (!want.is_floating_point()) {
    EXPECT_TRUE(at::equal(have, want)) << "output " << k;
    return;
  }
  const auto a = have.to(at::kDouble), b = want.to(at::kDouble);
  const auto finite = b.isfinite();
  const double scale =
      finite.any().item<bool>() ? b.masked_select(finite).abs().max().item<double>() : 1;
  EXPECT_TRUE(at::allclose(a, b, 1e-4, 1e-5 * std::max(scale, 1e-3), true))
      << "output " << k << "\ngot  " << a.flatten().slice(0, 0, 12) << "\nwant "
      << b.flatten().slice(0, 0, 12);
}

struct Tally {
  int ran = 0;
  std::map<std::string, int> refused;
};

void run_case(const Case& c, const std::vector<at::Tensor>& in, bool blocked, Rng& rng,
              Tally& tally) {
  std::vector<Tensor> values;
  const Model model = network_of(c, in, blocked, rng, values);
  std::vector<at::Tensor> copies;
  for (const auto& tensor : in) copies.push_back(tensor.clone());
  const auto want = run(c.op, copies, {});
  try {
    const Program program = compile(model, {.threads = 2, .measure = false, .cache = {}});
    const auto got = program.run(values);
    ASSERT_EQ(got.size(), want.size());
    for (size_t k = 0; k < got.size(); ++k) expect_close(got[k], want[k], k);
    ++tally.ran;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kUnsupported) throw;
    const std::string text = error.what();
    ++tally.refused[text.substr(text.rfind(": ") + 2)];
  }
}

class EveryOpCompiled : public testing::TestWithParam<size_t> {};

TEST_P(EveryOpCompiled, GivesLibTorchsNumbers) {
  Tally tally;
  for (uint64_t seed = 0; seed < kCasesPerOp; ++seed) {
    for (const bool blocked : {false, true}) {
      Rng rng(seed, "compiled");
      Case c = kGenerators[GetParam()](rng);
      c.training = false;
      SCOPED_TRACE("seed " + std::to_string(seed) + (blocked ? " blocked: " : ": ") + describe(c));
      ASSERT_NO_THROW(run_case(c, draw_all(c, rng), blocked, rng, tally));
      if (HasFailure()) return;
    }
  }
  for (const auto& [reason, count] : tally.refused) {
    std::cout << count << " refused: " << reason << "\n";
  }
  const bool opaque = GetParam() + 1 == kGenerators.size();
  if (!opaque) {
    EXPECT_GT(tally.ran, 0);
  }
}

INSTANTIATE_TEST_SUITE_P(OneDnn, EveryOpCompiled, testing::Range<size_t>(0, kGenerators.size()),
                         ops::alternative_name);

}  // namespace
}  // namespace rung
