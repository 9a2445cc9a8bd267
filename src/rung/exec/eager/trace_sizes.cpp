#include "rung/exec/eager/trace_sizes.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "rung/base/error.h"
#include "rung/exec/eager/module.h"

namespace rung::tracing {
namespace {

/// The examples' elements over and over, so that indices stay valid ones.
at::Tensor with_size(const at::Tensor& x, int64_t axis, int64_t size) {
  const auto index = at::arange(size, x.options().dtype(at::kLong)).remainder(x.size(axis));
  return x.index_select(axis, index).contiguous();
}

/// Keeps LibTorch from oneDNN's LSTM, which writes outside of a state whose batch is not the
/// input's; its own refuses that.
class SafeLstm {
 public:
  explicit SafeLstm(const Record& base) : before_(at::globalContext().userEnabledMkldnn()) {
    const bool needed = std::any_of(base.calls.begin(), base.calls.end(),
                                    [](const Call& call) { return call.name == "aten::lstm"; });
    if (needed) at::globalContext().setUserEnabledMkldnn(false);
  }
  ~SafeLstm() { at::globalContext().setUserEnabledMkldnn(before_); }
  SafeLstm(const SafeLstm&) = delete;
  SafeLstm& operator=(const SafeLstm&) = delete;

 private:
  bool before_;
};

}  // namespace

TracedSizes::TracedSizes(const Record& base, const std::vector<Roles>& roles, RecordAt record_at)
    : base_(base), record_at_(std::move(record_at)), held_(base.inputs) {
  probe_all(roles);
}

std::vector<int64_t> TracedSizes::Symbol::to_try() const {
  return batch ? batches_to_try(size) : sizes_to_try(size);
}

std::vector<at::Tensor> TracedSizes::inputs_with(const Symbol& symbol,
                                                 std::vector<at::Tensor> inputs,
                                                 int64_t size) const {
  for (const auto& [i, axis] : symbol.axes) {
    inputs[i] = with_size(inputs[i], static_cast<int64_t>(axis), size);
  }
  return inputs;
}

/// A record at other sizes, where the function takes them and does the same; `differs` where it
/// takes them and does something else.
std::optional<Record> TracedSizes::try_record(const std::vector<at::Tensor>& inputs,
                                              bool& differs) const {
  const SafeLstm safe(base_);
  Record out;
  try {
    out = record_at_(inputs);
  } catch (const std::exception&) {
    return std::nullopt;  // the function's own objection
  }
  if (same_program(base_, out)) return out;
  differs = true;
  return std::nullopt;
}

void TracedSizes::probe_all(const std::vector<Roles>& roles) {
  std::map<std::pair<size_t, int64_t>, Symbol> groups;
  for (size_t i = 0; i < base_.inputs; ++i) {
    const Shape& shape = base_.values[i].sizes;
    for (size_t axis = 0; axis < shape.size(); ++axis) {
      if (shape[axis] == 0) continue;
      Symbol& group = groups[{axis, shape[axis]}];
      group.size = shape[axis];
      group.batch = group.batch || roles[i][axis] == Role::kBatch;
      group.axes.emplace_back(i, axis);
    }
  }
  for (auto& [place, group] : groups) {
    for (Symbol& symbol : apart(std::move(group))) {
      if (!probe(symbol)) refused_.push_back(std::move(symbol));
    }
  }
  probe_refused();
  probe_together();
}

/// Axes that take no other size on their own, though some of equal sizes may together: the batch
/// of a state [layers, N, features] and of the input.
void TracedSizes::probe_refused() {
  std::map<int64_t, std::vector<Symbol>> by_size;
  for (Symbol& symbol : std::exchange(refused_, {})) {
    by_size[symbol.size].push_back(std::move(symbol));
  }
  for (auto& [size, alone] : by_size) {
    Symbol all{.size = size, .batch = true};
    for (const Symbol& symbol : alone) {
      all.batch = all.batch && symbol.batch;
      all.axes.insert(all.axes.end(), symbol.axes.begin(), symbol.axes.end());
    }
    if (alone.size() > 1 && probe(std::move(all))) continue;
    std::move(alone.begin(), alone.end(), std::back_inserter(refused_));
  }
}

/// Inputs of one size that may have different ones: each that the function takes alone. Batches
/// go together.
std::vector<TracedSizes::Symbol> TracedSizes::apart(Symbol group) const {
  if (group.batch || group.axes.size() == 1) return {std::move(group)};
  std::vector<Symbol> out;
  Symbol rest = group;
  rest.axes.clear();
  for (const auto& axis : group.axes) {
    Symbol alone = group;
    alone.axes = {axis};
    bool differs = false;
    const auto record = try_record(inputs_with(alone, base_.given, group.size + 1), differs);
    if (record || differs) {
      out.push_back(std::move(alone));
    } else {
      rest.axes.push_back(axis);
    }
  }
  if (!rest.axes.empty()) out.push_back(std::move(rest));
  return out;
}

void TracedSizes::probe_together() {
  if (symbols_.size() < 2) return;
  auto inputs = base_.given;
  for (const Symbol& symbol : symbols_) inputs = inputs_with(symbol, inputs, symbol.size + 1);
  bool differs = false;
  if (auto all = try_record(inputs, differs)) probes_.push_back({{}, 0, std::move(*all)});
  if (!differs) return;
  for (const Symbol& symbol : symbols_) {
    hold(symbol, "other operators are called where several sizes are others");
  }
  probes_.clear();
}

/// False where the function takes no other size.
bool TracedSizes::probe(Symbol symbol) {
  // A near size and a far, odd ones at every level of a pyramid: they tell "twice as large" from
  // "as large as that one", and a half from the number that it is. Others where neither fits.
  // Of a batch the nearest tells as much, and costs less.
  const size_t first = symbol.batch ? 1 : 2;
  const auto sizes = symbol.to_try();
  std::vector<Probe> found;
  bool differs = false;
  for (; symbol.tried < sizes.size(); ++symbol.tried) {
    if (symbol.tried >= first && (!found.empty() || symbol.size == 1)) break;
    const int64_t size = sizes[symbol.tried];
    auto record = try_record(inputs_with(symbol, base_.given, size), differs);
    if (record) found.push_back({symbols_.size(), size, std::move(*record)});
  }
  if (differs) refuse_other_program(symbol);
  if (found.empty()) return differs;
  if (differs) return true;
  std::move(found.begin(), found.end(), std::back_inserter(probes_));
  symbols_.push_back(std::move(symbol));
  return true;
}
void TracedSizes::refuse_other_program(const Symbol& symbol) {
  if (symbol.batch) {
    fail_user("the traced function calls other operators for another batch size");
  }
  hold(symbol, "other operators are called at other sizes");
}

/// Records at a size of each symbol at which the graph, as it is so far, tells more than at those
/// that were tried. False: nothing is left to learn.
bool TracedSizes::learn_more(const Graph& graph) {
  Extents extents;
  extents.update(graph);
  const auto nodes = graph.inputs();
  bool more = false;
  for (size_t i = 0; i < symbols_.size(); ++i) {
    InputAxes axes;
    for (const auto& [input, axis] : symbols_[i].axes) {
      axes.push_back({graph.node(nodes.at(input)).name, axis});
    }
    SizeTrials known(graph, extents, axes);
    bool followed = false;
    for (const Probe& probe : probes_) {
      if (probe.symbol != i) continue;
      known.add(at_size(graph, axes, probe.size).graph);
      followed = true;
    }
    more = (followed && learn(i, known, graph, axes)) || more;
  }
  return more;
}
bool TracedSizes::learn(size_t symbol, const SizeTrials& known, const Graph& graph,
                        const InputAxes& axes) {
  const auto sizes = symbols_[symbol].to_try();
  for (size_t& tried = symbols_[symbol].tried; tried < sizes.size() && !known.told_all();) {
    const int64_t size = sizes[tried++];
    if (!known.tells(at_size(graph, axes, size).graph)) continue;
    bool differs = false;
    auto record = try_record(inputs_with(symbols_[symbol], base_.given, size), differs);
    if (record) probes_.push_back({symbol, size, std::move(*record)});
    if (differs) {
      refuse_other_program(symbols_[symbol]);
      std::erase_if(probes_,
                    [&](const Probe& other) { return !other.symbol || other.symbol == symbol; });
    }
    if (record || differs) return true;
  }
  return false;
}

/// From here on the graph is one for the traced size only, and says so when it runs.
void TracedSizes::hold(const Symbol& symbol, const std::string& why) {
  for (const auto& [i, axis] : symbol.axes) held_[i].emplace(static_cast<int64_t>(axis), why);
}

/// Gives up the freedom of the size that the probe changed.
void TracedSizes::fix(size_t probe, const std::string& what) {
  const auto symbol = probes_.at(probe).symbol;
  if (symbol && symbols_[*symbol].batch) {
    fail_unsupported(
        "{} of the traced function depends on the batch size in a way that a graph "
        "cannot follow",
        what);
  }
  for (size_t i = 0; i < symbols_.size(); ++i) {  // without one: each size alone is followed
    if (symbol ? i != *symbol : symbols_[i].batch) continue;
    hold(symbols_[i], what + (symbol ? " depends on that size in a way that a graph cannot follow"
                                     : " depends on several sizes at once"));
  }
  std::erase_if(probes_, [&](const Probe& other) {
    return !other.symbol || (symbol ? other.symbol == symbol : !symbols_[*other.symbol].batch);
  });
}

/// Holds the sizes that the function refuses to be others, where the graph would take them.
bool TracedSizes::hold_refused(const Model& model) {
  const at::NoGradGuard no_grad;
  Module module(model);
  module->eval();
  bool held = false;
  for (const Symbol& symbol : refused_) {
    try {
      module->forward(inputs_with(symbol, base_.given, symbol.size + 1));
    } catch (const std::exception&) {
      continue;
    }
    hold(symbol, "the traced function takes no other size there");
    held = true;
  }
  refused_.clear();
  return held;
}

}  // namespace rung::tracing
