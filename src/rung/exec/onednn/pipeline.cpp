#include "rung/exec/onednn/pipeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/exec/onednn/fold_constants.h"
#include "rung/exec/onednn/measure.h"
#include "rung/exec/onednn/places.h"
#include "rung/exec/onednn/reorder.h"
#include "rung/graph/passes/drop_identities.h"
#include "rung/graph/passes/fold_batch_norm.h"
#include "rung/graph/passes/pad_before_conv.h"
#include "rung/ops/primitives.h"

namespace rung::onednn {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Which nodes that compute something a pass did away with.
void note_gone(const Graph& before, const Graph& after, std::string_view why,
               std::vector<std::string>& notes) {
  std::vector<std::string> names;
  for (const Node& node : before.nodes()) {
    if (is_leaf(node.op)) continue;
    const auto left = after.find(node.name);
    if (!left || is_leaf(after.node(*left).op)) names.push_back(node.name);
  }
  if (!names.empty()) notes.push_back(fmt::format("{}: {}", why, join(names, ", ")));
}

/// Results lie in the caller's memory: where they are made, if that is a value of its own.
void give_outputs(Draft& draft) {
  for (size_t k = 0; k < draft.outputs.size(); ++k) {
    Ref& ref = draft.outputs[k];
    if (draft.slot(ref).home != Home::kArena) {
      Step copy = copy_step(draft.slot(ref).bytes);
      Slot mine = draft.slot(ref);
      mine.home = Home::kArena;
      mine.data = {};
      const Ref to = draft.add(std::move(mine));
      copy.in = {ref};
      copy.out = {to};
      draft.steps.push_back({.step = std::move(copy), .nodes = "output", .moves = true});
      ref = to;
    }
    draft.slot(ref).home = Home::kOutput;
    draft.slot(ref).outside = k;
  }
}

/// Constants that no chosen way reads any more are let go.
void drop_constants(Draft& draft) {
  std::set<Ref> read;
  for (const DraftStep& it : draft.steps) {
    for (const Ref ref : it.step.in) read.insert(draft.root(ref).first);
    for (const Way& way : it.step.ways) {
      for (const Ref ref : way.constants) read.insert(draft.root(ref).first);
    }
  }
  for (size_t i = 0; i < draft.slots.size(); ++i) {
    Slot& slot = draft.slots[i];
    if (slot.home == Home::kConstant && !read.contains({static_cast<int32_t>(i)})) slot.data = {};
  }
}

CompileReport::Step report_of(const Draft& draft, const DraftStep& it) {
  const Way& way = it.step.ways.front();
  CompileReport::Step made{.nodes = it.nodes,
                           .what = it.step.what,
                           .way = way.name,
                           .slow = it.slow || is_slow(way.name),
                           .macs = it.macs};
  for (const Ref ref : it.step.in) made.reads += draft.slot(ref).bytes;
  for (const Ref ref : way.constants) made.reads += draft.slot(ref).bytes;
  for (const Ref ref : it.step.out) made.writes += draft.slot(ref).bytes;
  if (it.moves) made.moved = made.writes;
  return made;
}

CompileReport report_of(const Plan& plan, const std::vector<std::vector<std::string>>& considered) {
  CompileReport report{.notes = plan.draft.notes,
                       .arena_bytes = plan.memory.bytes,
                       .arena_lower_bound = plan.memory.lower_bound};
  for (size_t i = 0; i < plan.draft.steps.size(); ++i) {
    report.steps.push_back(report_of(plan.draft, plan.draft.steps[i]));
    if (i < considered.size()) report.steps.back().considered = considered[i];
  }
  for (const Slot& slot : plan.draft.slots) {
    if (slot.home == Home::kConstant && slot.data.defined()) report.weight_bytes += slot.bytes;
  }
  return report;
}

}  // namespace

Prepared prepare(const Model& model, const CompileOptions& options) {
  Prepared made;
  Model needed = model;
  needed.graph = pad_before_conv(extract(model.graph, model.graph.outputs()));
  const Model folded = fold_constants(needed, options);
  note_gone(needed.graph, folded.graph, "computed now, from weights alone", made.notes);
  made.model = fold_batch_norm(folded);
  note_gone(folded.graph, made.model.graph, "folded into the weights of a neighbour", made.notes);
  return made;
}

std::unique_ptr<Compiled> compile_for(const Prepared& prepared,
                                      const std::vector<std::string>& names,
                                      const InputShapes& shapes, const CompileOptions& options,
                                      Packer& packer, PlanCache& cache) {
  const auto start = Clock::now();
  Model sized = prepared.model;  // weights are shared, not copied
  if (!shapes.empty()) sized.graph = resize_inputs(prepared.model.graph, shapes);
  const Model model = drop_identities(sized);
  std::vector<std::string> notes = prepared.notes;
  note_gone(sized.graph, model.graph, "left out: nothing changes there at these sizes", notes);
  const Graph& graph = model.graph;
  auto made = std::make_unique<Compiled>();
  for (const NodeId id : graph.inputs()) {
    const auto place = std::find(names.begin(), names.end(), graph.node(id).name);
    made->used_inputs.push_back(static_cast<size_t>(place - names.begin()));
    made->inputs.push_back(graph.type({id, 0}));
  }
  for (const Output& output : graph.outputs()) made->outputs.push_back(graph.type(output.value));

  Plan& plan = made->plan;
  plan.draft = lower_graph(graph, model.weights, options, packer, cache);
  share_places(plan.draft);
  give_outputs(plan.draft);
  plan.chosen.assign(plan.draft.steps.size(), 0);
  plan.memory = plan_memory(plan.draft);
  std::vector<std::vector<std::string>> considered;
  double measured = 0;
  if (options.measure) measured = measure_ways(plan, options.budget_s, cache, considered);
  for (DraftStep& it : plan.draft.steps) it.step.ways.resize(1);
  drop_constants(plan.draft);
  plan.memory = plan_memory(plan.draft);
  plan.draft.notes.insert(plan.draft.notes.begin(), notes.begin(), notes.end());
  made->report = report_of(plan, considered);
  made->report.measure_s = measured;
  made->report.compile_s = seconds_since(start);
  return made;
}

}  // namespace rung::onednn
