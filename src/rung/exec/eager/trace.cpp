#include "rung/exec/eager/trace.h"

#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "rung/exec/eager/convert.h"
#include "rung/exec/eager/module.h"
#include "rung/exec/eager/trace_lower.h"
#include "rung/exec/eager/trace_names.h"
#include "rung/ops/eager.h"

namespace rung {
namespace detail {

std::vector<at::Tensor> results(const at::Tensor& tensor) { return {tensor}; }
std::vector<at::Tensor> results(const std::vector<at::Tensor>& tensors) { return tensors; }

}  // namespace detail

namespace tracing {
namespace {

/// Puts a module into evaluation, and every part back into its own mode.
class EvalGuard {
 public:
  explicit EvalGuard(torch::nn::Module* root) {
    if (root == nullptr) return;
    collect(*root);
    root->eval();
  }
  ~EvalGuard() {
    for (const auto& [module, mode] : modes_) module->train(mode);  // parents come before parts
  }
  EvalGuard(const EvalGuard&) = delete;
  EvalGuard& operator=(const EvalGuard&) = delete;

 private:
  void collect(torch::nn::Module& module) {  // modules() needs a module that a shared_ptr owns
    modes_.emplace_back(&module, module.is_training());
    for (const auto& child : module.children()) collect(*child);
  }
  std::vector<std::pair<torch::nn::Module*, bool>> modes_;
};

/// Axes of inputs that change together: the same place and size, where the function does not take
/// another size in one of them alone.
struct Symbol {
  size_t axis = 0;
  int64_t size = 0;
  bool batch = false;
  std::vector<size_t> inputs = {};
};

struct Probe {
  std::optional<size_t> symbol;  ///< none: all at once
  Record record;
};

/// The examples' elements over and over, so that indices stay valid ones.
at::Tensor with_size(const at::Tensor& x, int64_t axis, int64_t size) {
  const auto index = at::arange(size, x.options().dtype(at::kLong)).remainder(x.size(axis));
  return x.index_select(axis, index).contiguous();
}

class Tracer {
 public:
  Tracer(const Source& source, const TraceFunction& run, const std::vector<at::Tensor>& examples,
         const TraceOptions& options)
      : source_(source), run_(run), options_(options) {
    check(examples);
    base_ = record_at(examples);
    repeat_ = record_at(examples);
    if (!same_program(base_, repeat_)) {
      fail_unsupported("the traced function does something else at every run");
    }
    other_values_ = record_other_values(false);
    record_other_values(true);  // that it is the same program; its numbers may be without meaning
    name_inputs();
    held_.resize(base_.inputs);
  }

  Model trace() {
    probe_all();
    while (true) {
      try {
        Model model = build();
        if (const auto wrong = first_wrong(model)) {
          fix(*wrong, "what is computed");
        } else if (!hold_refused(model)) {
          return model;
        }
      } catch (const SizeVaries& varies) {
        fix(varies.records.front() - 1, varies.what);
      }
    }
  }

 private:
  void check(const std::vector<at::Tensor>& examples) const {
    if (examples.empty()) fail_user("tracing needs at least one example tensor");
    for (const auto& x : examples) {
      if (!x.defined()) fail_user("an example is an undefined tensor");
    }
    if (options_.input_names.size() > examples.size() ||
        options_.input_roles.size() > examples.size()) {
      fail_user("there are more names or roles of inputs than the {} example(s)", examples.size());
    }
    for (size_t i = 0; i < options_.input_roles.size(); ++i) {
      const auto& roles = options_.input_roles[i];
      if (!roles.empty() && roles.size() != static_cast<size_t>(examples[i].dim())) {
        fail_user("input {} has {} axes, but {} roles are given", i, examples[i].dim(),
                  roles.size());
      }
    }
  }

  Record record_at(const std::vector<at::Tensor>& inputs) const {
    std::vector<at::Tensor> own;  // the function may write into its arguments
    for (const auto& x : inputs) own.push_back(x.clone());
    Record out = record(run_, own, source_.weights);
    out.given = inputs;
    fuse_linear(out);
    return out;
  }

  /// A record at other values, each input's its own: examples that are all zeros would hide a
  /// branch, and that two inputs are not the same. Whole numbers stay in their range, as indices
  /// do. `wide`: up to 255, both signs, where some network asks whether a picture was scaled.
  std::optional<Record> record_other_values(bool wide) const {
    auto random = at::detail::createCPUGenerator(7);
    std::vector<at::Tensor> inputs;
    for (const auto& x : base_.given) {
      if (x.is_floating_point()) {
        const at::Tensor unit = at::rand(x.sizes(), random, at::kDouble);
        inputs.push_back((wide ? unit * 510 - 255 : unit).to(x.options()));
      } else if (x.numel() > 1) {
        inputs.push_back(x.flatten().roll(1).reshape(x.sizes()));
      } else {
        inputs.push_back(x.scalar_type() == at::kBool ? x : at::where(x > 1, x - 1, x));
      }
    }
    std::optional<Record> out;
    try {
      out = record_at(inputs);
    } catch (const std::exception&) {
      return std::nullopt;  // the function's own objection to such values
    }
    if (same_program(base_, *out)) return out;
    fail_unsupported(
        "the traced function calls other operators for other values of its inputs\n"
        "  rule    a trace records one way through the function, so it cannot branch on values\n"
        "  fix     move the branch out of the function, or write it with where()");
  }

  void name_inputs() {
    for (size_t i = 0; i < base_.inputs; ++i) {
      const std::string usual = base_.inputs == 1 ? "input" : fmt::format("input{}", i);
      names_.push_back(i < options_.input_names.size() ? options_.input_names[i] : usual);
      const bool given = i < options_.input_roles.size() && !options_.input_roles[i].empty();
      roles_.push_back(given ? options_.input_roles[i] : guess_roles(base_, i));
    }
  }

  std::vector<at::Tensor> inputs_with(const Symbol& symbol, std::vector<at::Tensor> inputs,
                                      int64_t size) const {
    for (const size_t i : symbol.inputs) {
      inputs[i] = with_size(inputs[i], static_cast<int64_t>(symbol.axis), size);
    }
    return inputs;
  }

  /// A record at other sizes, where the function takes them and does the same; `differs` where it
  /// takes them and does something else.
  std::optional<Record> try_record(const std::vector<at::Tensor>& inputs, bool& differs) const {
    Record out;
    try {
      out = record_at(inputs);
    } catch (const std::exception&) {
      return std::nullopt;  // the function's own objection
    }
    if (same_program(base_, out)) return out;
    differs = true;
    return std::nullopt;
  }

  void probe_all() {
    std::map<std::pair<size_t, int64_t>, Symbol> groups;
    for (size_t i = 0; i < base_.inputs; ++i) {
      const Shape& shape = base_.values[i].sizes;
      for (size_t axis = 0; axis < shape.size(); ++axis) {
        if (shape[axis] == 0) continue;
        Symbol& group = groups[{axis, shape[axis]}];
        group.axis = axis;
        group.size = shape[axis];
        group.batch = group.batch || roles_[i][axis] == Role::kBatch;
        group.inputs.push_back(i);
      }
    }
    for (auto& [place, group] : groups) {
      for (Symbol& symbol : apart(std::move(group))) probe(std::move(symbol));
    }
    probe_together();
  }

  /// Inputs of one size that may have different ones: each that the function takes alone. Batches
  /// go together.
  std::vector<Symbol> apart(Symbol group) const {
    if (group.batch || group.inputs.size() == 1) return {std::move(group)};
    std::vector<Symbol> out;
    Symbol rest = group;
    rest.inputs.clear();
    for (const size_t input : group.inputs) {
      Symbol alone = group;
      alone.inputs = {input};
      bool differs = false;
      const auto record = try_record(inputs_with(alone, base_.given, group.size + 1), differs);
      if (record || differs) {
        out.push_back(std::move(alone));
      } else {
        rest.inputs.push_back(input);
      }
    }
    if (!rest.inputs.empty()) out.push_back(std::move(rest));
    return out;
  }

  void probe_together() {
    if (symbols_.size() < 2) return;
    auto inputs = base_.given;
    for (const Symbol& symbol : symbols_) inputs = inputs_with(symbol, inputs, symbol.size + 1);
    bool differs = false;
    if (auto all = try_record(inputs, differs)) probes_.push_back({std::nullopt, std::move(*all)});
    if (!differs) return;
    for (const Symbol& symbol : symbols_) {
      hold(symbol, "other operators are called where several sizes are others");
    }
    probes_.clear();
  }

  void probe(Symbol symbol) {
    const int64_t size = symbol.size;
    // A near size and a far, odd ones at every level of a pyramid: they tell "twice as large" from
    // "as large as that one", and a half from the number that it is.
    std::vector<Record> found;
    bool differs = false;
    const auto attempt = [&](int64_t other) {
      auto record = try_record(inputs_with(symbol, base_.given, other), differs);
      if (record) found.push_back(std::move(*record));
    };
    for (const int64_t other : {size + 1, size + 31}) attempt(other);
    for (const int64_t other : {size + 32, 2 * size, size / 2}) {
      if (found.empty() && size > 1) attempt(other);
    }
    if (differs && symbol.batch) {
      fail_user("the traced function calls other operators for another batch size");
    }
    if (differs) {
      hold(symbol, "other operators are called at other sizes");
    } else if (found.empty()) {
      refused_.push_back(std::move(symbol));
    } else {
      for (Record& record : found) probes_.push_back({symbols_.size(), std::move(record)});
      symbols_.push_back(std::move(symbol));
    }
  }

  /// From here on the graph is one for the traced size only, and says so when it runs.
  void hold(const Symbol& symbol, const std::string& why) {
    for (const size_t i : symbol.inputs) held_[i].emplace(static_cast<int64_t>(symbol.axis), why);
  }

  /// Gives up the freedom of the size that the probe changed.
  void fix(size_t probe, const std::string& what) {
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

  Model build() const {
    std::vector<const Record*> records{&base_};
    for (const Probe& probe : probes_) records.push_back(&probe.record);
    const Lowered lowered = lower(records, repeat_, source_, names_, input_ops());
    const auto names = name_nodes(lowered, source_.modules);
    Model model;
    std::vector<NodeId> ids;
    for (size_t i = 0; i < lowered.nodes.size(); ++i) {
      const auto& node = lowered.nodes[i];
      std::vector<Value> inputs;
      for (const ops::Ref ref : node.inputs) inputs.push_back(value(lowered, ids, ref));
      ids.push_back(model.graph.add(names[i], node.op, std::move(inputs)));
    }
    for (size_t i = 0; i < lowered.results.size(); ++i) {
      const std::string usual = lowered.results.size() == 1 ? "output" : fmt::format("output{}", i);
      const auto& names = options_.output_names;
      model.graph.add_output(i < names.size() ? names[i] : usual,
                             value(lowered, ids, lowered.results[i]));
    }
    for (const auto& weight : source_.weights) {
      const auto found = model.graph.find(weight.name);
      if (found && model.graph.op_as<ops::Param>(*found) != nullptr) {
        model.weights.emplace(weight.name, from_torch(weight.tensor));
      }
    }
    return model;
  }
  std::vector<ops::Input> input_ops() const {
    std::vector<ops::Input> out;
    for (size_t i = 0; i < base_.inputs; ++i) {
      const TracedValue& value = base_.values[i];
      ops::Input input{.type = {from_torch(value.type), value.sizes, roles_[i]}};
      for (const auto& [axis, why] : held_[i]) {
        input.fixed.push_back(axis);
        if (input.why.find(why) == std::string::npos)
          input.why += (input.why.empty() ? "" : "; ") + why;
      }
      out.push_back(std::move(input));
    }
    return out;
  }
  static Value value(const Lowered& lowered, const std::vector<NodeId>& ids, ops::Ref ref) {
    const auto [node, port] = lowered.refs[static_cast<size_t>(ref)];
    return {ids[node], port};
  }

  static bool close(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
      if (x.sizes() != y.sizes() || x.scalar_type() != y.scalar_type()) return false;
      return x.is_floating_point() ? at::allclose(x, y, 1e-3, 1e-4, true) : at::equal(x, y);
    });
  }

  /// Runs the graph at every size that was tried. The probe at which it differs from the function.
  std::optional<size_t> first_wrong(const Model& model) const {
    if (!close(base_.outputs, repeat_.outputs)) return std::nullopt;  // random by itself
    const at::NoGradGuard no_grad;
    Module module(model);
    module->eval();
    const auto right = [&](const Record& record) {
      try {
        return close(module->forward(record.given), record.outputs);
      } catch (const Error&) {
        return false;
      }
    };
    if (!right(base_)) {
      fail_unsupported("the traced graph gives other values than the function at the examples");
    }
    if (other_values_ && !right(*other_values_)) {
      fail_unsupported("the traced graph gives other values than the function at random inputs");
    }
    for (size_t i = 0; i < probes_.size(); ++i) {
      if (!right(probes_[i].record)) return i;
    }
    return std::nullopt;
  }

  /// Holds the sizes that the function refuses to be others, where the graph would take them.
  bool hold_refused(const Model& model) {
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

  const Source& source_;
  const TraceFunction& run_;
  const TraceOptions& options_;
  Record base_, repeat_;
  std::optional<Record> other_values_;
  std::vector<std::string> names_;
  std::vector<Roles> roles_;
  std::vector<std::map<int64_t, std::string>> held_;  ///< by input: axes of one size only, and why
  std::vector<Symbol> symbols_;
  std::vector<Symbol> refused_;  ///< of which the function took no other size
  std::vector<Probe> probes_;
};

}  // namespace

Model trace_source(const Source& source, const TraceFunction& run,
                   const std::vector<at::Tensor>& examples, const TraceOptions& options) {
  const at::NoGradGuard no_grad;
  return Tracer(source, run, examples, options).trace();
}

}  // namespace tracing

Model trace_function(torch::nn::Module* root, const TraceFunction& run,
                     const std::vector<at::Tensor>& examples, const TraceOptions& options) {
  const tracing::EvalGuard eval(root);
  return tracing::trace_source(tracing::source_of(root), run, examples, options);
}

}  // namespace rung
