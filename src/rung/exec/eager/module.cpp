#include "rung/exec/eager/module.h"

#include <algorithm>
#include <mutex>
#include <set>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/exec/eager/convert.h"
#include "rung/exec/eager/schedule.h"
#include "rung/graph/rewrite.h"
#include "rung/graph/taps.h"
#include "rung/ops/dtype_eager.h"
#include "rung/ops/eager.h"

namespace rung {
namespace {

std::vector<Value> output_values(const Graph& graph) {
  std::vector<Value> values;
  for (const auto& output : graph.outputs()) values.push_back(output.value);
  return values;
}

std::vector<Value> first_output(const Graph& graph) {
  if (graph.outputs().empty()) return {};
  return {graph.outputs()[0].value};
}

/// Finds the modules that hold weights. LibTorch forbids dots in names, so each part of a weight's
/// path is a module, made where it is missing.
class Tree {
 public:
  explicit Tree(torch::nn::Module& root) : modules_{{"", &root}} {}

  /// The module of a weight, and the last part of the weight's name.
  std::pair<torch::nn::Module*, std::string> place(const std::string& name) {
    for (const auto& part : split(name, '.')) {
      if (part.empty()) fail_user("weight {} has an empty part in its name", quoted(name));
    }
    return descend(name);
  }

 private:
  std::pair<torch::nn::Module*, std::string> descend(const std::string& path) {
    const size_t dot = path.rfind('.');
    if (dot == std::string::npos) return {modules_.at(""), path};
    return {module(path.substr(0, dot)), path.substr(dot + 1)};
  }
  torch::nn::Module* module(const std::string& path) {
    const auto found = modules_.find(path);
    if (found != modules_.end()) return found->second;
    const auto [parent, leaf] = descend(path);
    auto* made = parent->register_module(leaf, std::make_shared<torch::nn::Module>()).get();
    modules_.emplace(path, made);
    return made;
  }

  std::map<std::string, torch::nn::Module*> modules_;
};

/// Whether the glob names the weight, or a layer around it.
bool selects(const std::string& glob, std::string_view name) {
  for (; !name.empty(); name = parent_of(name)) {
    if (glob_match(glob, name)) return true;
  }
  return false;
}

[[noreturn]] void fail_unmatched(const std::string& glob, const Graph& graph) {
  std::set<std::string> known;
  for (const NodeId id : graph.params()) {
    for (std::string_view name = graph.node(id).name; !name.empty(); name = parent_of(name)) {
      known.emplace(name);
    }
  }
  std::vector<std::string> close;
  const std::vector<std::string> candidates(known.begin(), known.end());
  for (const auto& name : nearest(glob, candidates)) close.push_back(quoted(name));
  fail_user("{} matches no weight to freeze; the nearest names are {}", quoted(glob),
            close.empty() ? "none: the network has no weights" : join(close, ", "));
}

}  // namespace

struct ModuleImpl::Impl {
  explicit Impl(const Model& model)
      : graph(model.graph),
        name(model.name),
        about(model.about),
        inputs(graph.inputs()),
        fixed(graph.size()),
        eval_norms(graph.size(), false),
        all(graph, output_values(graph)),
        first(graph, first_output(graph)) {
    for (size_t i = 0; i < graph.size(); ++i) {
      for (const auto& type : graph.nodes()[i].types)
        to_torch(type.dtype);  // refuses what it lacks
      const auto* constant = graph.op_as<ops::Constant>(graph.id(i));
      if (constant != nullptr) fixed[i] = to_torch(constant->value);
    }
  }

  const std::string& input_name(size_t i) const { return graph.node(inputs[i]).name; }
  std::string input_names() const {
    std::vector<std::string> names;
    for (size_t i = 0; i < inputs.size(); ++i) names.push_back(quoted(input_name(i)));
    return rung::join(names, ", ");
  }

  void check(size_t i, const at::Tensor& x) const {
    TensorType type = graph.type({inputs[i], 0});
    if (floating && is_floating(type.dtype)) type.dtype = from_torch(*floating);
    const auto fail = [&](std::string_view what) {
      fail_user("input {} {}: it is {}, but the network takes {}", quoted(input_name(i)), what,
                type_text(x), rung::to_string(type));
    };
    if (!x.defined()) fail("has no value");
    if (static_cast<size_t>(x.dim()) != type.rank()) fail("has the wrong rank");
    if (x.scalar_type() != to_torch(type.dtype)) fail("has the wrong dtype");
    ops::check_fixed_axes(*graph.op_as<ops::Input>(inputs[i]), input_name(i), x.sizes());
  }

  std::vector<at::Tensor> run(const Schedule& schedule, const std::vector<at::Tensor>& values,
                              bool training) const {
    for (size_t i = 0; i < values.size(); ++i) {
      if (schedule.reads_input(i)) check(i, values[i]);
    }
    return schedule.run(values, {fixed, eval_norms, training, floating});
  }

  /// The inputs in their order. Those that the schedule does not read may be missing.
  std::vector<at::Tensor> ordered(const TensorMap& given, const Schedule& schedule) const {
    std::vector<at::Tensor> values(inputs.size());
    size_t used = 0;
    for (size_t i = 0; i < inputs.size(); ++i) {
      const auto found = given.find(input_name(i));
      if (found != given.end()) {
        values[i] = found->second;
        ++used;
      } else if (schedule.reads_input(i)) {
        fail_user("input {} is missing; the network takes {}", quoted(input_name(i)),
                  input_names());
      }
    }
    if (used == given.size()) return values;
    for (const auto& [key, unused] : given) {
      const auto found = graph.find(key);
      if (found && graph.op_as<ops::Input>(*found) != nullptr) continue;
      fail_user("the network has no input {}; it takes {}", quoted(key), input_names());
    }
    return values;
  }

  const Schedule& tap_schedule(const std::vector<std::string>& names) {
    const std::lock_guard lock(mutex);
    const auto found = tap_schedules.find(names);
    if (found != tap_schedules.end()) return found->second;
    if (!index) index = std::make_unique<TapIndex>(graph);
    std::vector<Value> values;
    for (const auto& tap : names) values.push_back(index->find(tap).value);
    return tap_schedules.try_emplace(names, graph, values).first->second;
  }

  template <typename... Where>
  void move_constants(bool floats_only, Where... where) {
    for (size_t i = 0; i < graph.size(); ++i) {
      if (graph.op_as<ops::Constant>(graph.id(i)) == nullptr) continue;
      if (!floats_only || fixed[i].is_floating_point()) fixed[i] = fixed[i].to(where...);
    }
  }

  const Graph graph;
  const std::string name;
  const std::map<std::string, std::string> about;
  const std::vector<NodeId> inputs;
  std::vector<at::Tensor> fixed;  ///< weights and constants, by node
  std::vector<bool> eval_norms;   ///< norms without weights in frozen layers, by node
  TensorMap weights;
  c10::optional<at::ScalarType> floating;  ///< after to(dtype)
  const Schedule all;
  const Schedule first;
  std::mutex mutex;  ///< guards what follows
  std::unique_ptr<TapIndex> index;
  std::map<std::vector<std::string>, Schedule> tap_schedules;
};

ModuleImpl::ModuleImpl(const Model& model, const ModuleOptions& options)
    : torch::nn::Module("rung::Module"), impl_(std::make_unique<Impl>(model)) {
  check_weights(model);
  register_weights(model, options.seed);
  if (options.device != at::Device(at::kCPU)) to(options.device);
}

ModuleImpl::~ModuleImpl() = default;

void ModuleImpl::register_weights(const Model& model, uint64_t seed) {
  Tree tree(*this);
  for (const NodeId id : impl_->graph.params()) {
    const Node& node = impl_->graph.node(id);
    const auto& param = std::get<ops::Param>(node.op);
    const auto found = model.weights.find(node.name);
    const bool given = found != model.weights.end();
    const bool shared = given && is_from_torch(found->second);
    at::Tensor tensor = to_torch(given ? found->second : draw(node.name, param, seed));
    if (!shared) tensor = tensor.clone();  // memory of LibTorch's, aligned as its kernels like it
    const auto [module, leaf] = tree.place(node.name);
    if (param.buffer) {
      module->register_buffer(leaf, tensor);
    } else {
      const bool fractions = tensor.is_floating_point() && !has_few_kernels(tensor.scalar_type());
      const bool trains = shared ? tensor.requires_grad() : fractions;
      module->register_parameter(leaf, tensor, trains);
    }
    impl_->fixed[static_cast<size_t>(id.index)] = tensor;
    impl_->weights.emplace(node.name, std::move(tensor));
  }
}

at::Tensor ModuleImpl::forward(const at::Tensor& input) {
  if (impl_->inputs.size() != 1) {
    fail_user("the network takes {} inputs ({}), not one", impl_->inputs.size(),
              impl_->input_names());
  }
  if (impl_->graph.outputs().empty()) fail_user("the network has no output; read its taps");
  return std::move(impl_->run(impl_->first, {input}, is_training())[0]);
}

std::vector<at::Tensor> ModuleImpl::forward(const std::vector<at::Tensor>& inputs) {
  if (impl_->inputs.size() != inputs.size()) {
    fail_user("the network takes {} inputs ({}), not {}", impl_->inputs.size(),
              impl_->input_names(), inputs.size());
  }
  return impl_->run(impl_->all, inputs, is_training());
}

TensorMap ModuleImpl::forward(const TensorMap& inputs) {
  auto values = impl_->run(impl_->all, impl_->ordered(inputs, impl_->all), is_training());
  TensorMap results;
  for (size_t i = 0; i < values.size(); ++i) {
    results.emplace(impl_->graph.outputs()[i].name, std::move(values[i]));
  }
  return results;
}

std::vector<at::Tensor> ModuleImpl::taps(const std::vector<std::string>& names,
                                         const TensorMap& inputs) {
  const Schedule& schedule = impl_->tap_schedule(names);
  return impl_->run(schedule, impl_->ordered(inputs, schedule), is_training());
}

std::vector<at::Tensor> ModuleImpl::taps(const std::vector<std::string>& names,
                                         const at::Tensor& input) {
  const Schedule& schedule = impl_->tap_schedule(names);
  if (impl_->inputs.size() != 1) {
    fail_user("the network takes {} inputs ({}), not one", impl_->inputs.size(),
              impl_->input_names());
  }
  return impl_->run(schedule, {input}, is_training());
}

size_t ModuleImpl::freeze(const std::vector<std::string>& globs) {
  std::vector<bool> chosen(impl_->graph.size(), false);
  for (const auto& glob : globs) {
    bool matched = false;
    for (const NodeId id : impl_->graph.params()) {
      if (!selects(glob, impl_->graph.node(id).name)) continue;
      chosen[static_cast<size_t>(id.index)] = true;
      matched = matched || !impl_->graph.op_as<ops::Param>(id)->buffer;
    }
    if (!matched) fail_unmatched(glob, impl_->graph);
  }
  size_t count = 0;
  for (const NodeId id : impl_->graph.params()) {
    const auto i = static_cast<size_t>(id.index);
    if (!chosen[i] || impl_->graph.op_as<ops::Param>(id)->buffer) continue;
    impl_->fixed[i].set_requires_grad(false);
    ++count;
  }
  for (size_t i = 0; i < impl_->graph.size(); ++i) {  // those without weights: by their buffers
    const Node& node = impl_->graph.nodes()[i];
    const auto* norm = std::get_if<ops::BatchNorm>(&node.op);
    const bool plain = norm != nullptr && !norm->affine && norm->track;
    if (!plain && !std::holds_alternative<ops::Opaque>(node.op)) continue;
    bool buffers = false, weights = false;
    for (const Value input : node.inputs) {
      const auto* param = impl_->graph.op_as<ops::Param>(input.node);
      if (param == nullptr) continue;
      weights = weights || !param->buffer;
      buffers = buffers || chosen[static_cast<size_t>(input.node.index)];
    }
    if (buffers && !weights) impl_->eval_norms[i] = true;
  }
  return count;
}

const Graph& ModuleImpl::graph() const { return impl_->graph; }
const TensorMap& ModuleImpl::weights() const { return impl_->weights; }

Model ModuleImpl::model() const {
  Model model{.graph = impl_->graph, .name = impl_->name, .about = impl_->about};
  for (const auto& [name, tensor] : impl_->weights) {
    const auto dtype = std::get<ops::Param>(impl_->graph.node(*impl_->graph.find(name)).op).dtype;
    model.weights.emplace(name, from_torch(tensor.to(to_torch(dtype))));
  }
  return model;
}

std::shared_ptr<torch::nn::Module> ModuleImpl::clone(
    const c10::optional<at::Device>& device) const {
  Model empty{.graph = impl_->graph, .name = impl_->name, .about = impl_->about};
  for (const NodeId id : impl_->graph.params()) {
    const auto& param = *impl_->graph.op_as<ops::Param>(id);
    empty.weights.emplace(impl_->graph.node(id).name,
                          from_torch(at::empty(param.shape, to_torch(param.dtype))));
  }
  auto copy = std::make_shared<ModuleImpl>(empty);
  copy->take_state(*this, device);
  return copy;
}

void ModuleImpl::clone_(torch::nn::Module& other, const c10::optional<at::Device>& device) {
  take_state(dynamic_cast<const ModuleImpl&>(other), device);
}

void ModuleImpl::take_state(const ModuleImpl& other, const c10::optional<at::Device>& device) {
  const auto own = [&](const at::Tensor& tensor) {
    return tensor.detach().clone().to(device.value_or(tensor.device()));
  };
  for (auto& [name, tensor] : impl_->weights) {
    const auto found = other.impl_->weights.find(name);
    if (found == other.impl_->weights.end()) {
      fail_user("weight {} is not in the network that is copied", quoted(name));
    }
    tensor.set_data(own(found->second));
    tensor.set_requires_grad(found->second.requires_grad());
  }
  for (size_t i = 0; i < impl_->fixed.size(); ++i) {
    if (impl_->graph.op_as<ops::Constant>(impl_->graph.id(i)) != nullptr) {
      impl_->fixed[i] = own(other.impl_->fixed.at(i));
    }
  }
  impl_->floating = other.impl_->floating;
  impl_->eval_norms = other.impl_->eval_norms;
  train(other.is_training());
}

void ModuleImpl::to(at::Device device, at::ScalarType dtype, bool non_blocking) {
  torch::nn::Module::to(device, dtype, non_blocking);
  impl_->move_constants(false, device);
  impl_->move_constants(true, dtype);
  impl_->floating = dtype;
}

void ModuleImpl::to(at::ScalarType dtype, bool non_blocking) {
  torch::nn::Module::to(dtype, non_blocking);
  impl_->move_constants(true, dtype);
  impl_->floating = dtype;
}

void ModuleImpl::to(at::Device device, bool non_blocking) {
  torch::nn::Module::to(device, non_blocking);
  impl_->move_constants(false, device);
}

std::vector<Tensor> run_eagerly(const Model& model, const std::vector<Tensor>& inputs) {
  const at::NoGradGuard no_grad;
  Module net(model);
  net->eval();
  std::vector<at::Tensor> in;
  for (const Tensor& input : inputs) in.push_back(to_torch(input));
  std::vector<Tensor> out;
  for (const auto& value : net->forward(in)) out.push_back(from_torch(value.contiguous()));
  return out;
}

std::vector<at::Tensor> taps(const Model& model, const std::vector<std::string>& names,
                             const at::Tensor& input) {
  const TapIndex index(model.graph);
  std::vector<Output> outputs;
  for (size_t i = 0; i < names.size(); ++i) {
    outputs.push_back({std::to_string(i), index.find(names[i]).value});
  }
  Module module(Model{extract(model.graph, outputs), model.weights, model.name});
  module->eval();
  return module->forward(std::vector<at::Tensor>{input});
}

}  // namespace rung
