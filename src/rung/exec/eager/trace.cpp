#include "rung/exec/eager/trace.h"

#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "rung/exec/eager/convert.h"
#include "rung/exec/eager/module.h"
#include "rung/exec/eager/one_thread.h"
#include "rung/exec/eager/trace_lower.h"
#include "rung/exec/eager/trace_names.h"
#include "rung/exec/eager/trace_sizes.h"
#include "rung/graph/input_roles.h"
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
  }

  Model trace() {
    read_roles();
    sizes_.emplace(base_, roles_, [this](const auto& inputs) { return record_at(inputs); });
    while (true) {
      try {
        Model model = build();
        if (sizes_->learn_more(model.graph)) continue;
        if (const auto wrong = first_wrong(model)) {
          sizes_->fix(*wrong, "what is computed");
        } else if (!sizes_->hold_refused(model)) {
          return model;
        }
      } catch (const SizeVaries& varies) {
        sizes_->fix(varies.records.front() - 1, varies.what);
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

  /// What the layers that read an input say of it, where the caller says nothing.
  void read_roles() {
    const Graph graph = build().graph;
    const InputRoles read = infer_input_roles(graph);
    const auto ids = graph.inputs();
    for (size_t i = 0; i < base_.inputs; ++i) {
      const bool given = i < options_.input_roles.size() && !options_.input_roles[i].empty();
      if (!given) roles_[i] = read.at(graph.node(ids.at(i)).name);
    }
  }

  Model build() const {
    std::vector<const Record*> records{&base_};
    if (sizes_) {
      for (const auto& probe : sizes_->probes()) records.push_back(&probe.record);
    }
    const Lowered lowered = lower(records, repeat_, source_, names_, input_ops());
    const auto names = name_nodes(lowered, source_.modules);
    Model model;
    std::vector<NodeId> ids;
    for (size_t i = 0; i < lowered.nodes.size(); ++i) {
      const auto& node = lowered.nodes[i];
      std::vector<Value> inputs;
      for (const ops::Ref ref : node.inputs) inputs.push_back(value(lowered, ids, ref));
      ids.push_back(model.graph.add(names[i], node.op, std::move(inputs)));
      if (node.value.defined()) model.weights.emplace(names[i], node.value);
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
      out.push_back(std::move(input));
      if (!sizes_) continue;
      for (const auto& [axis, why] : sizes_->held()[i]) {
        std::string& known = out.back().why;
        out.back().fixed.push_back(axis);
        if (known.find(why) == std::string::npos) known += (known.empty() ? "" : "; ") + why;
      }
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
    const auto& probes = sizes_->probes();
    for (size_t i = 0; i < probes.size(); ++i) {
      if (!right(probes[i].record)) return i;
    }
    return std::nullopt;
  }

  const Source& source_;
  const TraceFunction& run_;
  const TraceOptions& options_;
  Record base_, repeat_;
  std::optional<Record> other_values_;
  std::vector<std::string> names_;
  std::vector<Roles> roles_;
  std::optional<TracedSizes> sizes_;
};

}  // namespace

Model trace_source(const Source& source, const TraceFunction& run,
                   const std::vector<at::Tensor>& examples, const TraceOptions& options) {
  const at::NoGradGuard no_grad;
  const OneThread one_thread;
  return Tracer(source, run, examples, options).trace();
}

}  // namespace tracing

Model trace_function(torch::nn::Module* root, const TraceFunction& run,
                     const std::vector<at::Tensor>& examples, const TraceOptions& options) {
  const tracing::EvalGuard eval(root);
  return tracing::trace_source(tracing::source_of(root), run, examples, options);
}

}  // namespace rung
