#include "rung/exec/eager/schedule.h"

#include <algorithm>
#include <map>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/ops/eager.h"

namespace rung {
namespace {

/// Which nodes the wanted values depend on.
std::vector<bool> needed_nodes(const Graph& graph, const std::vector<Value>& wanted) {
  std::vector<bool> needed(graph.size(), false);
  for (const Value value : wanted) needed[static_cast<size_t>(value.node.index)] = true;
  for (size_t i = graph.size(); i-- > 0;) {
    if (!needed[i]) continue;
    for (const Value value : graph.nodes()[i].inputs) {
      needed[static_cast<size_t>(value.node.index)] = true;
    }
  }
  return needed;
}

}  // namespace

Schedule::Schedule(const Graph& graph, const std::vector<Value>& wanted) {
  const auto needed = needed_nodes(graph, wanted);
  std::map<Value, int32_t> slot_of;
  const auto read = [&](Value value) -> Read {
    const Op& op = graph.node(value.node).op;
    if (is_leaf(op) && !std::holds_alternative<ops::Input>(op)) {
      return {.index = value.node.index, .fixed = true};
    }
    const auto [slot, is_new] = slot_of.try_emplace(value, static_cast<int32_t>(slots_));
    if (is_new) ++slots_;
    return {.index = slot->second};
  };

  for (const Value value : wanted) results_.push_back(read(value));
  for (size_t i = 0; i < graph.size(); ++i) {
    const Node& node = graph.nodes()[i];
    if (!needed[i] || is_leaf(node.op)) continue;
    Step step{.node = &node, .node_index = static_cast<int32_t>(i)};
    for (const Value value : node.inputs) step.reads.push_back(read(value));
    if (const auto* norm = std::get_if<ops::BatchNorm>(&node.op)) {
      step.norm = true;
      if (norm->affine) step.weights = {1, 2};
    } else if (std::holds_alternative<ops::Opaque>(node.op)) {  // an instance norm, say
      step.norm = true;
      for (size_t k = 0; k < node.inputs.size(); ++k) {
        const auto* param = graph.op_as<ops::Param>(node.inputs[k].node);
        if (param != nullptr && !param->buffer) step.weights.push_back(static_cast<int32_t>(k));
      }
    }
    steps_.push_back(std::move(step));
  }
  const auto slot = [&](Value value) {
    const auto found = slot_of.find(value);
    return found == slot_of.end() ? -1 : found->second;
  };
  for (Step& step : steps_) {
    for (size_t port = 0; port < step.node->types.size(); ++port) {
      step.writes.push_back(slot({NodeId{step.node_index}, static_cast<int32_t>(port)}));
    }
  }
  for (const NodeId input : graph.inputs()) input_slots_.push_back(slot({input, 0}));

  // From the end: the first read met is the last one to run.
  std::vector<bool> read_later(slots_, false);
  const auto mark = [&](Read& r) {
    if (r.fixed) return;
    const auto index = static_cast<size_t>(r.index);
    r.last = !read_later[index];
    read_later[index] = true;
  };
  for (size_t i = results_.size(); i-- > 0;) mark(results_[i]);
  for (size_t i = steps_.size(); i-- > 0;) {
    for (size_t k = steps_[i].reads.size(); k-- > 0;) mark(steps_[i].reads[k]);
  }
}

bool Schedule::keeps_statistics(const Step& step, const Frame& frame) {
  if (frame.eval_norms[static_cast<size_t>(step.node_index)]) return true;
  if (step.weights.empty()) return false;
  return std::none_of(step.weights.begin(), step.weights.end(), [&](int32_t place) {
    const Read& read = step.reads[static_cast<size_t>(place)];
    return !read.fixed || frame.fixed[static_cast<size_t>(read.index)].requires_grad();
  });
}

std::vector<at::Tensor> Schedule::run(const std::vector<at::Tensor>& inputs,
                                      const Frame& frame) const {
  std::vector<at::Tensor> slots(slots_);
  const auto take = [&](const Read& read) -> at::Tensor {
    const auto index = static_cast<size_t>(read.index);
    if (read.fixed) return frame.fixed[index];
    return read.last ? std::move(slots[index]) : slots[index];
  };
  for (size_t i = 0; i < input_slots_.size(); ++i) {
    if (input_slots_[i] >= 0) slots[static_cast<size_t>(input_slots_[i])] = inputs[i];
  }

  std::vector<at::Tensor> arguments;
  const Step* current = nullptr;
  try {
    for (const Step& step : steps_) {
      current = &step;
      for (const Read& read : step.reads) arguments.push_back(take(read));
      const bool training = frame.training && !(step.norm && keeps_statistics(step, frame));
      std::vector<at::Tensor> out =
          rung::run(step.node->op, arguments, {.training = training, .floating = frame.floating});
      arguments.clear();  // before the next step allocates
      for (size_t port = 0; port < step.writes.size(); ++port) {
        const int32_t slot = step.writes[port];
        if (slot >= 0) slots[static_cast<size_t>(slot)] = std::move(out.at(port));
      }
    }
  } catch (const Error& error) {
    throw Error(error.kind(),
                fmt::format("cannot run node {}: {}", quoted(current->node->name), error.what()));
  }
  std::vector<at::Tensor> results;
  results.reserve(results_.size());
  for (const Read& read : results_) results.push_back(take(read));
  return results;
}

}  // namespace rung
