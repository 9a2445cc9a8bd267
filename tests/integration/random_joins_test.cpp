// Joins drawn at random over all built-in networks: each is built, runs forward and backward with
// finite gradients and the shapes that were predicted, or is refused by an error that names both
// ends. Identity starts compute what the networks computed, and so does a join without its skips.
//
// RUNG_JOIN_SEED=5000 draws others; RUNG_JOIN_COUNT=1 only as many in each part.

#include <gtest/gtest.h>

#include <array>
#include <iostream>
#include <nlohmann/json.hpp>

#include "rung/base/error.h"
#include "rung/base/rng.h"
#include "rung/exec/eager/convert.h"
#include "rung/exec/eager/module.h"
#include "rung/graph/rewrite.h"
#include "support/random_join.h"

namespace rung {
namespace {

using testing::DrawnJoin;
using testing::run_types;

constexpr int64_t kParts = 8;
constexpr int64_t kJoinsInPart = 256;

enum class Outcome { kRun, kRefused, kRefusedAtSize, kWrong };

/// What became of one join, and why it is wrong.
struct Verdict {
  Outcome outcome = Outcome::kRun;
  std::string text = {};
  bool identity = false;  ///< its outputs were compared with those of the networks
};

/// Thrown where a join breaks a promise.
struct Wrong : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <typename... Args>
[[noreturn]] void wrong(fmt::format_string<Args...> text, Args&&... args) {
  throw Wrong(fmt::format(text, std::forward<Args>(args)...));
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

void check_refusal(const DrawnJoin& join, const Error& error) {
  const std::string text = error.what();
  if (error.kind() == ErrorKind::kBug) wrong("it is refused by a bug: {}", text);
  for (const Skip& skip : join.skips) {
    if (holds(text, skip.from + " -> " + skip.to)) return;
  }
  for (const Wire& wire : join.wires) {
    if (holds(text, wire.from + " -> " + wire.to)) return;
  }
  wrong("the refusal does not name both ends: {}", text);
}

TensorMap draw_inputs(const Graph& graph, const DrawnJoin& join) {
  TensorMap inputs;
  for (const auto& [name, type] : run_types(graph, join)) {
    Rng rng(join.seed, name);
    Tensor tensor(type.dtype, type.shape);
    for (int64_t i = 0; i < tensor.elements(); ++i) tensor.set(i, rng.normal());
    inputs.emplace(name, to_torch(tensor).clone());
  }
  return inputs;
}

/// The plan says the same in every form, and the graph holds every skip of it.
void check_plan(const DrawnJoin& join, const JoinPlan& plan) {
  const Graph& graph = plan.apply().graph;
  if (plan.explain().empty() || plan.to_json().empty()) wrong("the plan does not explain itself");
  if (plan.skips().size() != join.skips.size()) wrong("the plan lost a skip");
  for (const SkipPlan& skip : plan.skips()) {
    const auto& notes = graph.skips();
    const auto note = std::find_if(notes.begin(), notes.end(),
                                   [&](const SkipNote& n) { return n.name == skip.name; });
    if (note == notes.end())
      wrong("the joined graph lacks {}: {} -> {}", skip.name, skip.from, skip.to);
    if (graph.type(note->merged) != skip.result)
      wrong("{} has another type than planned", skip.name);
  }
}

/// The weights that a gradient has to reach: those on a way to an output that nothing cuts.
std::set<std::string> trained_weights(const Graph& graph) {
  std::vector<bool> reached(graph.size(), false);
  for (const Output& output : graph.outputs()) {
    reached[static_cast<size_t>(output.value.node.index)] = true;
  }
  std::set<std::string> names;
  for (size_t i = graph.size(); i-- > 0;) {
    const Node& node = graph.nodes()[i];
    const auto* param = std::get_if<ops::Param>(&node.op);
    if (!reached[i]) continue;
    if (param != nullptr && !param->buffer && is_floating(param->dtype)) names.insert(node.name);
    const std::string_view op = op_name(node.op);
    const bool cuts = op == "Detach" || op == "FullLike";
    const bool first_only = op.ends_with("Like") || op == "TokensToMap";  // the others give sizes
    const size_t passing = cuts ? 0 : first_only ? 1 : node.inputs.size();
    for (size_t k = 0; k < passing; ++k) {
      reached[static_cast<size_t>(node.inputs[k].node.index)] = true;
    }
  }
  return names;
}

void check_gradients(const DrawnJoin& join, Module& net, const Graph& graph,
                     const std::vector<at::Tensor>& outputs) {
  at::Tensor loss;
  Rng rng(join.seed, "loss");
  for (const at::Tensor& output : outputs) {
    if (!output.is_floating_point() || !output.requires_grad()) continue;
    const at::Tensor part = (output * rng.uniform(0.5, 1.5)).sin().mean();
    loss = loss.defined() ? loss + part : part;
  }
  if (loss.defined()) loss.backward();
  const auto trained = trained_weights(graph);
  for (const auto& [name, weight] : net->weights()) {
    const at::Tensor gradient = weight.grad();
    if (!trained.contains(name)) {
      if (gradient.defined()) wrong("{} has a gradient, and every way to it is cut", name);
    } else if (!gradient.defined()) {
      wrong("{} has no gradient", name);
    } else if (!gradient.isfinite().all().item<bool>()) {
      wrong("the gradient of {} is not finite", name);
    }
  }
}

/// Weights may be shared with later joins.
struct ClearGradients {
  Module& net;
  ~ClearGradients() {
    for (const auto& [name, weight] : net->weights()) weight.mutable_grad() = at::Tensor();
  }
};

/// The outputs of the network at the drawn sizes; every shape must be the one that `predicted`
/// holds, those of merged values too where the module returns them behind.
std::vector<at::Tensor> run(Module& net, const Graph& predicted, const TensorMap& inputs,
                            bool training) {
  net->train(training);
  std::vector<at::Tensor> ordered;
  for (const NodeId id : predicted.inputs()) ordered.push_back(inputs.at(predicted.node(id).name));
  std::vector<at::Tensor> values = net->forward(ordered);
  for (size_t i = 0; i < values.size(); ++i) {
    const Output& output = net->graph().outputs().at(i);
    const Shape& shape = predicted.type(output.value).shape;
    if (values[i].sizes() != at::IntArrayRef(shape)) {
      wrong("{} is {} and was predicted to be {}", output.name,
            rung::to_string(values[i].sizes().vec()), rung::to_string(shape));
    }
  }
  values.resize(predicted.outputs().size());
  return values;
}

bool all_finite(const std::vector<at::Tensor>& values) {
  return std::all_of(values.begin(), values.end(),
                     [](const at::Tensor& value) { return value.isfinite().all().item<bool>(); });
}

/// Outputs of two networks with the same names; `exact` or but for the order of summation.
void check_same(const std::vector<at::Tensor>& got, const std::vector<at::Tensor>& want, bool exact,
                const char* what) {
  if (got.size() != want.size()) wrong("{}: {} outputs, not {}", what, got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) {
    if (got[i].sizes() != want[i].sizes()) wrong("{}: output {} has another shape", what, i);
    const double scale = std::max(want[i].abs().max().item<double>(), 1e-3);
    const double error = (got[i] - want[i]).abs().max().item<double>();
    if (exact ? !at::equal(got[i], want[i]) : !(error <= 1e-4 * scale)) {
      wrong("{}: output {} differs by {} of {}", what, i, error, scale);
    }
  }
}

/// Sizes are allowed to matter where the policy says so.
bool sizes_may_be_refused(const DrawnJoin& join) {
  return std::any_of(join.skips.begin(), join.skips.end(), [](const Skip& skip) {
    return skip.align != Align::kAuto && skip.align != Align::kResize;
  });
}

/// A size that no shape rule accepts must be refused when the network runs, too.
void check_size_refusal(const DrawnJoin& join, const Error& error, Module& net,
                        const TensorMap& inputs) {
  if (error.kind() == ErrorKind::kBug || !sizes_may_be_refused(join)) {
    wrong("the networks accept these sizes, and the joined one does not: {}", error.what());
  }
  try {
    net->forward(inputs);
  } catch (const Error& refusal) {
    if (refusal.kind() == ErrorKind::kBug) wrong("it runs into a bug: {}", refusal.what());
    return;
  }
  wrong("it runs at sizes that its shape rules refuse: {}", error.what());
}

Graph with_merged_outputs(Graph graph) {
  for (const SkipNote& note : graph.skips()) graph.add_output("merged " + note.name, note.merged);
  return graph;
}

/// The same networks without the skips: what identity starts promise, and switched-off skips give.
/// True where an identity start was compared.
bool check_against_networks(const DrawnJoin& join, const JoinPlan& joined,
                            const TensorMap& inputs) {
  const torch::NoGradGuard no_grad;
  const auto has = [&](auto test) {
    return std::any_of(join.skips.begin(), join.skips.end(), test);
  };
  const bool identity = !has([](const Skip& skip) { return skip.start != Start::kIdentity; });
  const bool ablate = join.seed % 4 == 0;
  if (!identity && !ablate) return false;
  // A widened layer adds its zeros in another order, and a batch norm of few values that are nearly
  // equal turns the last bit of a sum into any number.
  const bool exact = !has([](const Skip& skip) { return skip.width == Width::kWiden; });
  const bool training = join.training && exact;
  const auto run_model = [&](const Model& model) {
    Module other(model);
    return run(other, retype(model.graph, run_types(model.graph, join)), inputs, training);
  };
  std::vector<std::string> outputs;  // a skip may keep one that a wire alone lets go
  for (const Output& output : joined.apply().graph.outputs()) outputs.push_back(output.name);
  const auto want = run_model(
      plan({.models = testing::models_of(join), .wires = join.wires, .outputs = outputs}).apply());
  if (!all_finite(want)) return false;
  if (identity) check_same(run_model(joined.apply()), want, exact, "start = identity");
  if (!ablate) return identity;
  std::vector<std::string> names;
  for (const SkipPlan& skip : joined.skips()) names.push_back(skip.name);
  const Model& model = joined.apply();
  const Model ablated{without_skips(model.graph, names), model.weights, model.name};
  check_same(run_model(ablated), want, exact, "without_skips");
  return identity;
}

Verdict judge(const DrawnJoin& join) {
  Verdict verdict;
  std::optional<JoinPlan> planned;
  try {
    planned = plan({.models = testing::models_of(join), .wires = join.wires, .skips = join.skips});
  } catch (const Error& error) {
    check_refusal(join, error);
    return {Outcome::kRefused, error.what()};
  }
  check_plan(join, *planned);
  const Model& joined = planned->apply();
  const TensorMap inputs = draw_inputs(joined.graph, join);
  Module net(Model{with_merged_outputs(joined.graph), joined.weights, joined.name});
  const ClearGradients clear{net};
  std::optional<Graph> predicted;
  try {
    predicted = retype(joined.graph, run_types(joined.graph, join));
  } catch (const Error& error) {
    check_size_refusal(join, error, net, inputs);
    return {Outcome::kRefusedAtSize, error.what()};
  }
  const auto outputs = run(net, *predicted, inputs, join.training);
  if (!all_finite(outputs)) wrong("an output is not finite");
  check_gradients(join, net, joined.graph, outputs);
  verdict.identity = check_against_networks(join, *planned, inputs);
  return verdict;
}

class RandomJoins : public ::testing::TestWithParam<int64_t> {};

TEST_P(RandomJoins, AreRunOrRefused) {
  at::set_num_threads(1);  // the parts run side by side
  std::map<Outcome, int64_t> outcomes;
  int64_t identities = 0;
  const int64_t count = testing::judge_joins<Verdict>(GetParam(), kJoinsInPart, judge,
                                                      [&](int64_t, const Verdict& verdict) {
                                                        ++outcomes[verdict.outcome];
                                                        identities += verdict.identity ? 1 : 0;
                                                      });
  std::cout << count << " joins: " << outcomes[Outcome::kRun] << " run (" << identities
            << " compared as identity), " << outcomes[Outcome::kRefused] << " refused, "
            << outcomes[Outcome::kRefusedAtSize] << " refused at other sizes, "
            << outcomes[Outcome::kWrong] << " wrong\n";
  if (count >= kJoinsInPart) {
    EXPECT_GE(2 * outcomes[Outcome::kRun], count);
  }
}

INSTANTIATE_TEST_SUITE_P(Parts, RandomJoins, ::testing::Range<int64_t>(0, kParts));

}  // namespace
}  // namespace rung
