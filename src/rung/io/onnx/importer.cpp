#include "rung/io/onnx/importer.h"

#include <algorithm>
#include <set>

#include "rung/base/text.h"
#include "rung/io/onnx/call_view.h"
#include "rung/io/onnx/fold.h"
#include "rung/io/onnx/layer_weights.h"
#include "rung/io/onnx/lowering.h"
#include "rung/io/onnx/names.h"
#include "rung/io/onnx/origin.h"
#include "rung/io/onnx/turned_weights.h"

namespace rung::onnx_import {
namespace {

using ops::Dim;
using ops::Dims;
using ops::Ref;

constexpr size_t kMostNodes = 1'000'000;  ///< loops and functions within each other can be endless

std::string at(const onnx::NodeProto& node) {
  const std::string name = !node.name().empty()     ? node.name()
                           : node.output_size() > 0 ? node.output(0)
                                                    : std::string();
  return fmt::format("node {} ({})", quoted(name), node.op_type());
}

/// Operators whose results hold their inputs' numbers, all of which `fold_onnx` knows. Exporters
/// lay out the weights of recurrent layers with them.
bool only_arranges(std::string_view op) {
  return op == "Concat" || op == "Identity" || op == "Reshape" || op == "Slice" ||
         op == "Squeeze" || op == "Transpose" || op == "Unsqueeze";
}

/// The node with the attributes that its function's caller gave.
onnx::NodeProto with_arguments(const onnx::NodeProto& node, const Arguments& arguments) {
  onnx::NodeProto out = node;
  out.clear_attribute();
  for (const auto& a : node.attribute()) {
    if (a.ref_attr_name().empty()) {
      *out.add_attribute() = a;
    } else if (const auto found = arguments.find(a.ref_attr_name()); found != arguments.end()) {
      auto* own = out.add_attribute();
      *own = found->second;
      own->set_name(a.name());
    }
  }
  return out;
}

/// The operators of a graph, but those in graphs within it, that rung has no rule for.
std::vector<std::string> lacking(const onnx::GraphProto& graph) {
  std::set<std::string> out;
  for (const auto& node : graph.node()) {
    const std::string& op = node.op_type();
    const bool own = op == "Constant" || op == "Shape" || op == "Size" || op == "If" ||
                     op == "Loop" || op == "Scan" || is_sequence_operator(op);
    if (node.domain().empty() && !own && ops::find_onnx_rule(op) == nullptr) out.insert(op);
  }
  return {out.begin(), out.end()};
}

/// The value of a Constant.
Tensor constant_of(const ops::OnnxAttributes& attributes) {
  for (const auto& [name, a] : attributes) {
    if (const auto* tensor = std::get_if<Tensor>(&a)) return *tensor;
    if (const auto* n = std::get_if<int64_t>(&a)) return Tensor::i64({}, {*n});
    if (const auto* n = std::get_if<double>(&a)) return Tensor::f32({}, {static_cast<float>(*n)});
    if (const auto* list = std::get_if<ops::Sizes>(&a)) {
      return Tensor::i64({static_cast<int64_t>(list->size())}, *list);
    }
    if (const auto* list = std::get_if<std::vector<double>>(&a)) {
      return Tensor::f32({static_cast<int64_t>(list->size())},
                         std::vector<float>(list->begin(), list->end()));
    }
  }
  fail_unsupported("a constant that is no dense tensor of numbers");
}

}  // namespace

void Lowering::read_initializers(const onnx::GraphProto& graph, Scope& scope) {
  for (const auto& tensor : graph.initializer()) {
    if (tensor.name().empty()) fail_user("an initializer has no name");
    FileValue value;
    value.initializer = &tensor;
    describe_weight(tensor.name(), value);
    scope.bind(tensor.name(), std::move(value));
  }
  if (graph.sparse_initializer_size() > 0) {
    fail_unsupported("sparse initializers ({})", graph.sparse_initializer(0).values().name());
  }
}

/// What the nodes that read a weight of the file's graph say of it.
void Lowering::describe_weight(const std::string& name, FileValue& value) const {
  value.of_layer = layer_weights_.contains(name) && !is_made_up(name);
  if (const auto turned = turned_weights_.find(name); turned != turned_weights_.end()) {
    value.turned_from = turned->second;
  }
}

/// A weight in a Constant node. False: the node holds none.
bool Lowering::bind_weight(const onnx::NodeProto& node, Scope& scope) {
  if (scope.outer != nullptr || scope.arguments != nullptr) return false;
  if (!layer_weights_.contains(node.output(0)) || node.attribute_size() != 1) return false;
  const auto& a = node.attribute(0);
  if (a.name() != "value" || !a.has_t()) return false;
  FileValue value;
  value.initializer = &a.t();
  describe_weight(node.output(0), value);
  if (values_.foldable(value)) return false;
  value.copied_as = node.output(0);
  value.of_constant = true;
  scope.bind(node.output(0), std::move(value));
  ++report_.operators[node.op_type()].folded;
  return true;
}

/// Zeros as a bias, in a Constant or under a made-up name, are what exporters write for none.
void Lowering::drop_empty_bias(const onnx::NodeProto& node, Inputs& in) const {
  const std::string& op = node.op_type();
  const bool layer = op == "Conv" || op == "ConvTranspose" || op == "Gemm";
  if (!layer || in.size() != 3 || in[2] == nullptr) return;
  if (in[2]->initializer == nullptr) return;
  if (!in[2]->of_constant && !is_made_up(in[2]->initializer->name())) return;
  const Tensor bias = file_.tensor(*in[2]->initializer);
  for (int64_t i = 0; i < bias.elements(); ++i) {
    if (bias.at(i) != 0) return;
  }
  in.pop_back();
}

void Lowering::bind_known(const onnx::NodeProto& node, std::vector<Tensor> numbers, Scope& scope) {
  FileValue value;
  value.known = std::move(numbers);
  scope.bind(node.output(0), std::move(value));
  ++report_.operators[node.op_type()].folded;
}

/// What Shape and Size give.
std::vector<Tensor> Lowering::sizes_as_numbers(const onnx::NodeProto& node,
                                               const ops::OnnxAttributes& attributes,
                                               const Inputs& in) {
  const CallView view(draft_, values_, node, attributes, in, 0);
  const Dims sizes = view.sizes(0);
  if (in[0]->ref) draft_.asked_for_sizes(*in[0]->ref);
  const auto rank = static_cast<int64_t>(sizes.size());
  const auto place = [&](int64_t at) {
    return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank);
  };
  const int64_t begin = place(view.integer("start", 0));
  const int64_t end = std::max(begin, place(view.integer("end", rank)));
  std::vector<Tensor> out;
  for (size_t k = 0; k < draft_.sizes(); ++k) {
    std::vector<int64_t> list;
    int64_t all = 1;
    for (const Dim& size : sizes) {
      list.push_back(size.seen[k]);
      all *= size.seen[k];
    }
    if (node.op_type() == "Size") {
      out.push_back(Tensor::i64({}, {all}));
    } else {
      out.push_back(Tensor::i64({end - begin}, {list.begin() + begin, list.begin() + end}));
    }
  }
  return out;
}

std::optional<std::vector<std::vector<Tensor>>> Lowering::worked_out(
    const onnx::NodeProto& node, const ops::OnnxAttributes& attributes, const Inputs& in) {
  std::vector<std::vector<Tensor>> results;
  for (size_t k = 0; k < draft_.sizes(); ++k) {
    std::vector<Tensor> arguments;
    for (const auto& value : in) {
      arguments.push_back(value == nullptr ? Tensor() : values_.known(*value)[k]);
    }
    auto folded =
        fold_onnx(node.op_type(), attributes, arguments, static_cast<size_t>(node.output_size()));
    if (!folded || folded->size() < static_cast<size_t>(node.output_size())) return std::nullopt;
    results.push_back(std::move(*folded));
  }
  return results;
}

bool Lowering::fold(const onnx::NodeProto& node, const ops::OnnxAttributes& attributes,
                    const Inputs& in, Scope& scope) {
  for (const auto& value : in) {
    if (value != nullptr && !values_.foldable(*value)) return false;
  }
  const auto results = worked_out(node, attributes, in);
  if (!results) return false;
  // Filled to sizes that vary: a graph can follow those as nodes, but not as numbers.
  const bool fills = node.op_type() == "Expand" || node.op_type() == "ConstantOfShape";
  if (fills && !numbers_alone_) {
    const Tensor& first = results->front().at(0);
    const bool varies = std::any_of(results->begin(), results->end(), [&](const auto& result) {
      return result.at(0).shape() != first.shape();
    });
    if (varies && (first.shape().size() > 1 || is_floating(first.dtype()))) return false;
  }
  for (int i = 0; i < node.output_size(); ++i) {
    FileValue value;
    for (const auto& result : *results) value.known.push_back(result[static_cast<size_t>(i)]);
    scope.bind(node.output(i), std::move(value));
  }
  ++report_.operators[node.op_type()].folded;
  return true;
}

void Lowering::apply_rule(const onnx::NodeProto& node, const ops::OnnxAttributes& attributes,
                          const Inputs& in, Scope& scope) {
  const auto rule = ops::find_onnx_rule(node.op_type());
  if (rule == nullptr) {
    fail_unsupported("rung has no such operator; of this file, it lacks {}",
                     rung::join(lacking(file_.proto->graph()), ", "));
  }
  CallView view(draft_, values_, node, attributes, in, scope.opset);
  const size_t before = draft_.size();
  const auto results = rule(view);
  size_t ops_made = 0;
  bool opaque = false;
  for (size_t i = before; i < draft_.size(); ++i) {
    if (is_leaf(draft_.op(i))) continue;
    ++ops_made;
    opaque = opaque || std::holds_alternative<ops::Opaque>(draft_.op(i));
  }
  const bool arranges =
      only_arranges(node.op_type()) && std::all_of(in.begin(), in.end(), [](const auto& value) {
        return value == nullptr || FileValues::is_known(*value);
      });
  auto& count = report_.operators[node.op_type()];
  ++(opaque ? count.opaque : ops_made > 1 ? count.composed : count.native);
  for (int i = 0; i < node.output_size(); ++i) {
    if (node.output(i).empty()) continue;
    if (static_cast<size_t>(i) >= results.size()) {
      fail_unsupported("output {} ({})", i, quoted(node.output(i)));
    }
    FileValue value;
    value.ref = results[static_cast<size_t>(i)];
    if (arranges) {
      value.arranged = [this, node, attributes, in, i] {
        const auto all = worked_out(node, attributes, in);
        std::vector<Tensor> numbers;
        if (!all) return numbers;
        for (const auto& result : *all) numbers.push_back(result[static_cast<size_t>(i)]);
        return numbers;
      };
    }
    scope.bind(node.output(i), std::move(value));
  }
}

void Lowering::lower_node(const onnx::NodeProto& node, Scope& scope) {
  Inputs in;
  for (const std::string& name : node.input()) {
    in.push_back(name.empty() ? nullptr : scope.find(name));
    if (!name.empty() && in.back() == nullptr) {
      fail_user(
          "it reads {}, which no node before it makes, and which is neither an input nor an "
          "initializer",
          quoted(name));
    }
  }
  while (!in.empty() && in.back() == nullptr) in.pop_back();
  if (lower_sequence(node, in, scope)) return;
  if (lower_control_flow(node, in, scope)) return;
  if (!node.domain().empty() && node.domain() != "ai.onnx") {
    fail_unsupported("an operator of the domain {}", quoted(node.domain()));
  }
  const std::string& op = node.op_type();
  if (op == "Constant" && node.output_size() == 1 && bind_weight(node, scope)) return;
  drop_empty_bias(node, in);
  const ops::OnnxAttributes attributes = file_.attributes(node);
  if (op == "Constant" && node.output_size() == 1) {
    return bind_known(node, std::vector<Tensor>(draft_.sizes(), constant_of(attributes)), scope);
  }
  if ((op == "Shape" || op == "Size") && in.size() == 1 && node.output_size() == 1) {
    return bind_known(node, sizes_as_numbers(node, attributes, in), scope);
  }
  if (op == "Identity" && in.size() == 1 && node.output_size() == 1 &&
      in[0]->initializer != nullptr && !values_.foldable(*in[0])) {
    FileValue copy;
    copy.initializer = in[0]->initializer;
    copy.copied_as = node.output(0);
    scope.bind(node.output(0), std::move(copy));
    ++report_.operators[op].folded;
    return;
  }
  if (lower_whole_gather(node, in, scope)) return;
  if (!fold(node, attributes, in, scope)) apply_rule(node, attributes, in, scope);
}

void Lowering::lower_nodes(const Nodes& nodes, Scope& scope) {
  for (const auto& given : nodes) {
    if (++walked_ > kMostNodes) {
      fail_unsupported("more than {} nodes, loops and functions written out", kMostNodes);
    }
    onnx::NodeProto own;
    if (scope.arguments != nullptr) own = with_arguments(given, *scope.arguments);
    const onnx::NodeProto& node = scope.arguments != nullptr ? own : given;
    draft_.begin_call(origin_of(node));
    try {
      lower_node(node, scope);
    } catch (SizeVaries& varies) {
      if (varies.what.find("node '") == std::string::npos) {
        varies.what = fmt::format("{} at {}", varies.what, at(node));
      }
      throw;
    } catch (const Error& error) {
      if (std::string_view(error.what()).starts_with("node '")) throw;
      throw Error(error.kind(), fmt::format("{}: {}", at(node), error.what()));
    }
  }
}

void Lowering::bind_inputs(Scope& scope) {
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const ops::Input& input = inputs_[i].op;
    std::vector<std::vector<TensorType>> types;
    for (const auto& sizes : input_sizes_) {
      types.push_back({TensorType(input.type.dtype, sizes[i], input.type.roles)});
    }
    const std::string own = kept_name(inputs_[i].name);
    FileValue value;
    value.ref = draft_.leaf(input, std::move(types), own.empty() ? "input" : own);
    scope.bind(inputs_[i].name, std::move(value));
  }
  for (const auto& [name, tensor] : options_.numbers) {
    FileValue value;
    value.known.assign(draft_.sizes(), tensor);
    scope.bind(name, std::move(value));
  }
}

Model Lowering::run() {
  const onnx::GraphProto& graph = file_.proto->graph();
  Scope scope;
  scope.opset = default_opset(file_.proto->opset_import());
  layer_weights_ = layer_weights(graph);
  turned_weights_ = turned_weights(graph);
  read_initializers(graph, scope);
  bind_inputs(scope);
  lower_nodes(graph.node(), scope);
  std::vector<std::pair<std::string, Ref>> outputs;
  for (const auto& output : graph.output()) {
    const auto value = scope.find(output.name());
    if (value == nullptr) fail_user("no node makes the output {}", quoted(output.name()));
    outputs.emplace_back(output.name(), values_.ref(*value));
  }
  if (outputs.empty()) fail_user("the network has no output");
  return draft_.build(outputs);
}

Model lower(const OnnxFile& file, const std::vector<GraphInput>& inputs,
            const std::vector<InputSizes>& sizes, const OnnxOptions& options, OnnxReport& report) {
  report = {};
  return Lowering(file, inputs, sizes, options, report).run();
}

}  // namespace rung::onnx_import
