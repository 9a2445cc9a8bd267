// Whole networks, compiled, beside eager execution: every built-in one, as floats and as bf16, and
// all ONNX files of the real data (RUNG_DATA, see README).

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <thread>

#include "rung/base/error.h"
#include "rung/blocks/zoo.h"
#include "rung/exec/eager/fallback.h"
#include "rung/exec/onednn/program.h"
#include "rung/graph/rewrite.h"
#include "rung/ops/onednn.h"
#include "support/eager_reference.h"
#ifdef RUNG_WITH_ONNX
#include "rung/io/onnx/import.h"
#endif

namespace rung {
namespace {

namespace fs = std::filesystem;

constexpr double kF32Bound = 1e-4;
constexpr double kBf16Bound = 3e-2;

CompileOptions options_for(Precision precision) {
  return {.precision = precision,
          .threads = 2,
          .measure = false,
          .cache = {},
          .fallback = eager_fallback()};
}

/// The network at other sizes of batch, space and time, as many of these as it takes.
std::optional<Model> at_other_sizes(const Model& model) {
  for (const auto& [batch, more] : {std::pair<int64_t, int64_t>{2, 5}, {3, 0}, {0, 5}, {0, 32}}) {
    InputShapes shapes;
    for (const NodeId id : model.graph.inputs()) {
      const TensorType& type = model.graph.type({id, 0});
      Shape& shape = shapes.emplace(model.graph.node(id).name, type.shape).first->second;
      for (size_t axis = 0; axis < type.rank(); ++axis) {
        const Role role = type.roles[axis];
        if (role == Role::kBatch && batch > 0) shape[axis] = batch;
        if (role == Role::kSpace || role == Role::kTime) shape[axis] += more;
      }
    }
    try {
      return Model{resize_inputs(model.graph, shapes), model.weights, model.name};
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kUser) throw;
    }
  }
  return std::nullopt;
}

void expect_same(const Model& model, const Program& program, double bound) {
  const auto inputs = testing::draw_inputs(model.graph, 1);
  const auto want = run_eagerly(model, inputs);
  EXPECT_LE(testing::relative_rms(program.run(inputs), want), bound)
      << "at " << to_string(inputs.at(0).shape());
}

void check(const Model& model, Precision precision, double bound) {
  const Program program = compile(model, options_for(precision));
  for (const auto& step : program.report().steps) {
    if (step.way == "eager") std::cout << step.nodes << ": " << step.what << "\n";
  }
  expect_same(model, program, bound);
  if (const auto other = at_other_sizes(model)) expect_same(*other, program, bound);
}

class ProgramZoo : public ::testing::TestWithParam<size_t> {
 protected:
  static Model network() {
    const std::string& name = zoo_networks().at(GetParam()).name;
    const bool large = name.starts_with("resnet") || name.starts_with("densenet");
    Model model = zoo(name, large ? ZooSettings{{"size", "64"}} : ZooSettings{});
    testing::draw_telling(model, 1);
    return model;
  }
};

TEST_P(ProgramZoo, GivesEagersNumbers) { check(network(), Precision::kF32, kF32Bound); }

TEST_P(ProgramZoo, GivesEagersNumbersInBf16) {
  if (!onednn::has_bf16()) GTEST_SKIP() << "this CPU has no bf16";
  check(network(), Precision::kBf16, kBf16Bound);
}

INSTANTIATE_TEST_SUITE_P(Networks, ProgramZoo, ::testing::Range<size_t>(0, zoo_networks().size()),
                         [](const auto& info) { return zoo_networks().at(info.param).name; });

#ifdef RUNG_WITH_ONNX

/// What is no network of its own: it needs operators of ONNX Runtime's extensions.
constexpr const char* kUnreadable = "supres.onnx";

std::vector<fs::path> onnx_files() {
  const char* root = std::getenv("RUNG_DATA");
  std::vector<fs::path> files;
  if (root == nullptr || !fs::is_directory(fs::path(root) / "models")) return files;
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(root) / "models")) {
    const fs::path& path = entry.path();
    if (path.extension() == ".onnx" && path.filename() != kUnreadable) files.push_back(path);
  }
  std::sort(files.begin(), files.end());
  return files;
}

Model open(const fs::path& path) {
  OnnxOptions options;
  if (path.filename() == "silero_vad.onnx" || path.filename() == "silero_vad_op18_ifless.onnx") {
    options.shapes = {{"input", {1, 576}}, {"state", {2, 1, 128}}};
    Tensor rate(DType::kI64, {});
    rate.set(0, 16000);
    options.numbers = {{"sr", rate}};
  }
  return load_onnx(path, options);
}

TEST(ProgramRealData, GivesEagersNumbers) {
  const auto files = onnx_files();
  if (files.empty()) GTEST_SKIP() << "RUNG_DATA/models is not there";
  for (const fs::path& file : files) {
    SCOPED_TRACE(file.string());
    check(open(file), Precision::kF32, kF32Bound);
  }
}

#endif

/// x -> Gelu in f64, which has no kernel: LibTorch runs it for several callers at once.
TEST(ProgramFallback, ServesManyThreads) {
  Model model;
  const auto x = model.graph.add("x", ops::Input{.type = {DType::kF64, {2, 3}}}, {});
  const auto y = model.graph.add("y", ops::Gelu{}, {{x, 0}});
  model.graph.add_output("y", {y, 0});
  const Program program = compile(model, options_for(Precision::kF32));
  ASSERT_EQ(program.report().steps.at(0).way, "eager");
  std::vector<int> wrong(8, 0);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < wrong.size(); ++i) {
    threads.emplace_back([&, i] {
      Model mine = model;
      if (i % 2 != 0) mine.graph = resize_inputs(model.graph, {{"x", {5, 7}}});
      const auto inputs = testing::draw_inputs(mine.graph, i);
      const auto want = run_eagerly(mine, inputs);
      for (int k = 0; k < 20; ++k) wrong[i] += program.run(inputs)[0].identical(want[0]) ? 0 : 1;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(8, 0));
}

}  // namespace
}  // namespace rung
