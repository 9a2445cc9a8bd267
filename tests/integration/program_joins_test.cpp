// Joins drawn at random over all built-in networks, compiled: at the sizes that they were planned
// for and at others, programs give what eager execution gives. Ops without a kernel may fall back.
//
// RUNG_JOIN_SEED=5000 draws others; RUNG_JOIN_COUNT=1 only as many in each part;
// RUNG_JOIN_MEASURE=1 takes the ways that are measured to be the fastest; RUNG_JOIN_BF16=1 stores
// values as bf16.

#include <gtest/gtest.h>

#include <cmath>
#include <iostream>

#include "rung/base/error.h"
#include "rung/exec/eager/fallback.h"
#include "rung/exec/onednn/program.h"
#include "rung/graph/rewrite.h"
#include "support/eager_reference.h"
#include "support/random_join.h"

namespace rung {
namespace {

using testing::DrawnJoin;
using testing::environment;

constexpr int64_t kParts = 2;
constexpr int64_t kJoinsInPart = 50;

enum class Outcome { kSame, kNotFinite, kRefused, kWrong };

struct Verdict {
  Outcome outcome = Outcome::kSame;
  std::string text = {};                      ///< why it is wrong
  bool resized = false;                       ///< it ran at other sizes than the planned ones
  std::vector<std::string> fallen_back = {};  ///< steps that are eager
};

CompileOptions options_for(const DrawnJoin& join) {
  CompileOptions options{.threads = 1 + static_cast<int>(join.seed % 3),
                         .measure = environment("RUNG_JOIN_MEASURE", 0) != 0,
                         .budget_s = 0.3,
                         .cache = {},
                         .fallback = eager_fallback()};
  if (environment("RUNG_JOIN_BF16", 0) != 0) options.precision = Precision::kBf16;
  return options;
}

double bound() { return environment("RUNG_JOIN_BF16", 0) != 0 ? 0.1 : 1e-4; }

void count_fallen_back(const CompileReport& report, Verdict& verdict) {
  for (const auto& step : report.steps) {
    if (step.way == "eager") verdict.fallen_back.push_back(step.what);
  }
}

/// At the sizes of `model`, which are not always those that the program was compiled for.
void check(const Model& model, const Program& program, uint64_t seed, Verdict& verdict) {
  const auto inputs = testing::draw_inputs(model.graph, seed);
  const auto want = run_eagerly(model, inputs);
  const auto got = program.run(inputs);
  bool finite = true;
  for (const Tensor& tensor : want) {
    for (int64_t i = 0; finite && i < tensor.elements(); ++i) finite = std::isfinite(tensor.at(i));
  }
  if (!finite) verdict.outcome = Outcome::kNotFinite;
  const double error = testing::relative_rms(got, want);
  if (error <= bound()) return;
  std::string sizes;
  for (const Tensor& input : inputs) sizes += to_string(input.shape());
  verdict = {Outcome::kWrong, fmt::format("at {} it differs by {:.1e}", sizes, error)};
}

/// Sizes that no shape rule accepts are the caller's mistake.
void check_refusal(const Graph& graph, const DrawnJoin& join, const Program& program,
                   Verdict& verdict) {
  std::vector<Tensor> inputs;
  const auto types = testing::run_types(graph, join);
  for (const NodeId id : graph.inputs()) {
    const TensorType& type = types.at(graph.node(id).name);
    inputs.emplace_back(type.dtype, type.shape);
  }
  try {
    program.run(inputs);
    verdict = {Outcome::kWrong, "it runs at sizes that its shape rules refuse"};
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kUser) verdict = {Outcome::kWrong, error.what()};
  }
}

std::optional<Model> joined(const DrawnJoin& join) {
  try {
    return plan({.models = testing::models_of(join), .wires = join.wires, .skips = join.skips})
        .apply();
  } catch (const Error&) {
    return std::nullopt;  // random_joins_test asks whether that is right
  }
}

Verdict judge(const DrawnJoin& join) {
  std::optional<Model> model = joined(join);
  if (!model) return {Outcome::kRefused};
  testing::draw_telling(*model, join.seed);
  Verdict verdict;
  const Program program = compile(*model, options_for(join));
  count_fallen_back(program.report(), verdict);
  check(*model, program, join.seed, verdict);
  if (verdict.outcome == Outcome::kWrong) return verdict;
  Model resized = *model;
  try {
    resized.graph = retype(model->graph, testing::run_types(model->graph, join));
  } catch (const Error&) {
    check_refusal(model->graph, join, program, verdict);
    return verdict;
  }
  verdict.resized = true;
  check(resized, program, join.seed + 1, verdict);
  return verdict;
}

class ProgramJoins : public ::testing::TestWithParam<int64_t> {};

TEST_P(ProgramJoins, GiveEagersNumbers) {
  at::set_num_threads(1);  // the parts run side by side
  std::map<Outcome, int64_t> outcomes;
  std::map<std::string, std::vector<int64_t>> fallen_back;  // the seeds
  int64_t resized = 0;
  const int64_t count = testing::judge_joins<Verdict>(
      GetParam(), kJoinsInPart, judge, [&](int64_t seed, const Verdict& verdict) {
        ++outcomes[verdict.outcome];
        resized += verdict.resized ? 1 : 0;
        for (const std::string& what : verdict.fallen_back) fallen_back[what].push_back(seed);
      });
  std::cout << count << " joins: " << outcomes[Outcome::kSame] << " the same (" << resized
            << " at other sizes too), " << outcomes[Outcome::kNotFinite] << " not finite, "
            << outcomes[Outcome::kRefused] << " refused, " << outcomes[Outcome::kWrong]
            << " wrong\n";
  for (const auto& [what, seeds] : fallen_back) {
    std::cout << seeds.size() << " steps fell back, the first of seed " << seeds[0] << ": " << what
              << "\n";
  }
  if (count >= kJoinsInPart) {
    EXPECT_GE(5 * outcomes[Outcome::kSame], 2 * count);
  }
}

INSTANTIATE_TEST_SUITE_P(Parts, ProgramJoins, ::testing::Range<int64_t>(0, kParts));

}  // namespace
}  // namespace rung
