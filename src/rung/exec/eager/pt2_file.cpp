#include "rung/exec/eager/pt2_file.h"

#include <ATen/CPUGeneratorImpl.h>

#include <set>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/exec/eager/convert.h"
#include "rung/exec/eager/one_thread.h"
#include "rung/exec/eager/pt2_archive.h"
#include "rung/exec/eager/pt2_constants.h"
#include "rung/exec/eager/pt2_json.h"
#include "rung/exec/eager/pt2_outputs.h"
#include "rung/exec/eager/pt2_run.h"
#include "rung/exec/eager/trace_source.h"
#include "rung/graph/rewrite.h"

namespace rung {
namespace {

using nlohmann::json;

struct Input {
  std::string name;
  at::ScalarType type = at::kFloat;
  Shape example;
  std::vector<bool> free;  ///< by axis
};

class Loader {
 public:
  Loader(pt2::Archive archive, const TorchScriptOptions& options)
      : archive_(std::move(archive)),
        module_(pt2::field(archive_.program, "graph_module", "the program")),
        graph_(pt2::field(module_, "graph", "the program")) {
    if (!options.numbers.empty() || !options.part.empty()) {
      fail_user("numbers and parts can be given for TorchScript alone");
    }
    const auto& signature = pt2::field(module_, "signature", "the program");
    for (const auto& spec : pt2::field(signature, "input_specs", "the program's signature")) {
      add_input(spec);
    }
    for (const auto& spec : pt2::field(signature, "output_specs", "the program's signature")) {
      const auto [kind, value] = pt2::member(spec, "an output");
      if (kind != "user_output" && kind != "loss_output") continue;  // what training changes
      const auto& result = pt2::field(*value, "arg", "an output");
      // A loss stands as a tensor, other outputs as tagged values.
      results_.push_back(kind == "user_output" ? result : json{{"as_tensor", result}});
    }
    std::vector<std::string> names;
    for (const Input& input : inputs_) names.push_back(input.name);
    for (const auto& [name, shape] : options.shapes) {
      set_example(name.empty() ? only_input(names, shape) : name, shape);
    }
    add_modules();
    special_ = {pt2::written_constants(graph_, constants_), pt2::slice_writes(graph_)};
  }

  Model load() {
    const at::NoGradGuard no_grad;
    const OneThread one_thread;
    std::vector<at::Tensor> examples;
    auto random = at::detail::createCPUGenerator(1);
    TraceOptions names;
    for (const Input& input : inputs_) {
      const at::TensorOptions type(input.type);
      const bool real = at::isFloatingType(input.type);
      examples.push_back(real ? at::rand(input.example, random, at::kFloat).to(type)
                              : at::zeros(input.example, type));
      names.input_names.push_back(input.name);
    }
    names.output_names = pt2::output_names(module_, results_.size());
    try {
      run(examples);
    } catch (const c10::Error& error) {
      fail_user("the program does not run at its example's sizes; LibTorch says: {}",
                error.what_without_backtrace());
    }
    return tracing::trace_source(
        source_, [&](const std::vector<at::Tensor>& in) { return run(in); }, examples, names);
  }

 private:
  void add_input(const json& spec) {
    const auto [kind, value] = pt2::member(spec, "an input");
    const auto argument_name = [&, value = value] {
      return pt2::text(pt2::field(*value, "arg", "an input"), "name", "an input");
    };
    if (kind == "parameter" || kind == "buffer") {
      add_weight(argument_name(), pt2::text(*value, kind + "_name", "an input"), kind == "buffer");
    } else if (kind == "tensor_constant") {
      add_constant(argument_name(), pt2::text(*value, "tensor_constant_name", "an input"));
    } else if (kind == "user_input") {
      add_user_input(pt2::field(*value, "arg", "an input"));
    } else if (kind == "constant_input") {
      fixed_[pt2::text(*value, "name", "an input")] =
          pt2_constant(pt2::field(*value, "value", "an input"));
    } else {
      fail_unsupported("the program has an input of the kind {}", quoted(kind));
    }
  }

  static c10::IValue pt2_constant(const json& value) {
    return pt2::value_of_constant(value, "a constant input");
  }

  const Tensor& tensor(const std::string& name) const {
    const auto found = archive_.tensors.find(name);
    if (found == archive_.tensors.end()) {
      fail_user("the file lacks the weight {}, which its program uses", quoted(name));
    }
    return found->second;
  }

  void check(const std::string& argument, const std::string& name, const at::Tensor& weight) const {
    const auto& metas = pt2::field(graph_, "tensor_values", "the program");
    if (!pt2::is_set(metas, argument)) return;
    const std::string what = "weight " + quoted(name);
    const auto sizes = pt2::fixed_sizes(pt2::field(metas.at(argument), "sizes", what), what);
    const auto type = pt2::scalar_type(pt2::field(metas.at(argument), "dtype", what), what);
    if (weight.sizes() == at::IntArrayRef(sizes) && weight.scalar_type() == type) return;
    fail_user("{} is {} {}, and the program takes {} {}", what, c10::toString(weight.scalar_type()),
              to_string(weight.sizes().vec()), c10::toString(type), to_string(sizes));
  }

  void add_weight(const std::string& argument, const std::string& name, bool buffer) {
    at::Tensor& weight = loaded_[name];  // one that two modules share is one
    if (!weight.defined()) {
      weight = to_torch(tensor(name)).clone();
      if (!buffer && weight.is_floating_point()) weight.requires_grad_(true);
      source_.weights.push_back({name, weight, buffer});
    }
    check(argument, name, weight);
    fixed_[argument] = weight;
  }

  void add_constant(const std::string& argument, const std::string& name) {
    constexpr int64_t kLargestConstant = 4096;  // elements; more is a buffer
    const at::Tensor value = to_torch(tensor(name)).clone();
    check(argument, name, value);
    if (value.numel() > kLargestConstant) {
      source_.weights.push_back({name, value, true});
    } else {
      source_.constants.push_back(value);
    }
    fixed_[argument] = value;
    constants_.insert(argument);
  }

  void add_user_input(const json& argument) {
    const auto [tag, value] = pt2::member(argument, "an input");
    if (tag != "as_tensor") {
      if (tag == "as_none") return;
      fail_unsupported("the program has an input that is no tensor ({})", quoted(tag));
    }
    Input input{.name = pt2::text(*value, "name", "an input")};
    const std::string what = "input " + quoted(input.name);
    const auto& metas = pt2::field(graph_, "tensor_values", "the program");
    const auto& meta = pt2::field(metas, input.name, "tensor_values");
    input.type = pt2::scalar_type(pt2::field(meta, "dtype", what), what);
    for (const auto& size : pt2::field(meta, "sizes", what)) {
      const auto [kind, number] = pt2::member(size, what);
      input.free.push_back(kind == "as_expr");
      input.example.push_back(kind == "as_expr" ? hint(*number) : pt2::whole(*number, what));
      if (input.example.back() < 0) fail_user("{} has a size below 0", what);
    }
    inputs_.push_back(std::move(input));
  }

  /// The size of a free axis when the network was exported; some versions leave it out.
  static int64_t hint(const json& expression) {
    if (!pt2::is_set(expression, "hint")) return 2;  // 0 and 1 would have become fixed
    return pt2::whole(*pt2::member(expression.at("hint"), "a size").second, "a size");
  }

  void set_example(const std::string& name, const Shape& shape) {
    std::vector<std::string> known;
    for (Input& input : inputs_) {
      known.push_back(input.name);
      if (input.name != name) continue;
      if (shape.size() != input.example.size()) {
        fail_user("the input {} has {} axes, and {} sizes are given", quoted(name),
                  input.example.size(), shape.size());
      }
      for (size_t axis = 0; axis < shape.size(); ++axis) check_size(input, axis, shape[axis]);
      input.example = shape;
      return;
    }
    fail_user("there is no input {}; the inputs are {}", quoted(name), rung::join(known, ", "));
  }

  /// Sizes that the exporter took for numbers may stand anywhere in the program; of batches that
  /// would be seen when it runs.
  static void check_size(const Input& input, size_t axis, int64_t size) {
    if (axis == 0 || input.free[axis] || size == input.example[axis]) return;
    fail_user("the network was exported with size {} on axis {} of the input {}, not {}",
              input.example[axis], axis, quoted(input.name), size);
  }

  void add_modules() {
    std::set<std::string> seen;
    for (const auto& node : pt2::field(graph_, "nodes", "the program")) {
      for (const auto& [path, type] : pt2::modules_of(node)) {
        if (seen.insert(path).second) source_.modules.push_back({path, type, false, false});
      }
    }
    for (auto& module : source_.modules) {
      const std::string prefix = module.path.empty() ? "" : module.path + ".";
      for (const auto& other : source_.modules) {
        module.children |= other.path != module.path && other.path.starts_with(prefix);
      }
      for (const auto& weight : source_.weights) module.weights |= weight.name.starts_with(prefix);
    }
  }

  std::vector<at::Tensor> run(const std::vector<at::Tensor>& in) const {
    pt2::Values values = fixed_;
    for (size_t i = 0; i < inputs_.size(); ++i) {
      for (size_t axis = 0; axis < inputs_[i].example.size(); ++axis) {
        check_size(inputs_[i], axis, in[i].size(static_cast<int64_t>(axis)));
      }
      values[inputs_[i].name] = in[i];
    }
    pt2::run(graph_, values, special_);
    return pt2::results(results_, values);
  }

  pt2::Archive archive_;
  const json& module_;
  const json& graph_;
  std::set<std::string> constants_;       ///< inputs of the program that are
  pt2::Special special_;
  std::vector<Input> inputs_;
  std::vector<json> results_;
  tracing::Source source_;
  pt2::Values fixed_;  ///< weights and constants, as the program calls them
  std::map<std::string, at::Tensor> loaded_;
};

}  // namespace

Model load_pt2(const std::filesystem::path& path, const TorchScriptOptions& options) {
  try {
    return Loader(pt2::read_archive(path), options).load();
  } catch (const Error& error) {
    const std::string text = error.what();
    if (text.find(path.string()) != std::string::npos) throw;
    throw Error(error.kind(), fmt::format("{}: {}", path.string(), text));
  } catch (const json::exception& error) {
    fail_user("{}: the program is not as torch.export writes it: {}", path.string(), error.what());
  } catch (const c10::Error& error) {
    fail_unsupported("{}: LibTorch cannot follow the network: {}", path.string(),
                     error.what_without_backtrace());
  }
}

}  // namespace rung
