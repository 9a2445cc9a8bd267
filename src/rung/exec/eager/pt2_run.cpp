#include "rung/exec/eager/pt2_run.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/exec/eager/pt2_arguments.h"
#include "rung/exec/eager/pt2_json.h"
#include "rung/exec/eager/pt2_operators.h"
#include "rung/exec/eager/trace_record.h"

namespace rung::pt2 {
namespace {

using nlohmann::json;

/// "node 'conv2d' (torch.ops.aten.conv2d.default)"
std::string describe(const json& node, const std::string& target) {
  std::string name = "?";
  if (is_set(node, "outputs") && node.at("outputs").is_array() && !node.at("outputs").empty()) {
    const auto [tag, value] = member(node.at("outputs")[0], "a node's output");
    const json* first = value->is_array() && !value->empty() ? &value->at(0) : value;
    for (const char* key : {"name", "as_name"}) {
      if (is_set(*first, key) && first->at(key).is_string()) name = first->at(key);
    }
  }
  return fmt::format("node {} ({})", quoted(name), target);
}

void assign(const json& output, const c10::IValue& value, Values& values, const std::string& what) {
  const auto [tag, named] = member(output, what);
  if (tag == "as_none") return;
  if (tag == "as_tensors") {
    const auto list = value.isTensorList() ? value.toTensorVector() : std::vector<at::Tensor>();
    if (!named->is_array() || list.size() != named->size()) {
      fail_user("{} gives {} tensors, and the program says {}", what, list.size(), named->size());
    }
    for (size_t i = 0; i < list.size(); ++i) {
      values[text((*named)[i], "name", what)] = list[i];
    }
  } else if (tag == "as_tensor") {
    values[text(*named, "name", what)] = value;
  } else if (tag == "as_sym_int" || tag == "as_sym_bool" || tag == "as_sym_float") {
    values[text(*named, "as_name", what)] = value;
  } else {
    fail_unsupported("{} gives {}, which rung cannot take", what, quoted(tag));
  }
}

/// torch.no_grad() around a part of the network: its graph, and what that reads.
void run_inner(const json& node, Values& values, const std::string& what) {
  const json* graph = nullptr;
  Values inner;
  std::vector<c10::IValue> captured;
  for (const auto& input : field(node, "inputs", what)) {
    const auto [tag, value] = member(field(input, "arg", what), what);
    if (tag == "as_graph") {
      graph = &field(*value, "graph", what);
    } else if (graph != nullptr) {
      captured.push_back(value_of(field(input, "arg", what), values, what));
    }
  }
  if (graph == nullptr) fail_user("{} has no graph", what);
  const auto& inputs = field(*graph, "inputs", what);
  if (inputs.size() != captured.size()) fail_user("{} takes another number of tensors", what);
  for (size_t i = 0; i < captured.size(); ++i) assign(inputs[i], captured[i], inner, what);
  run(*graph, inner, {});
  const auto& results = field(*graph, "outputs", what);
  const auto& outputs = field(node, "outputs", what);
  const bool list = outputs.size() == 1 && is_set(outputs[0], "as_tensors");
  if (!list && outputs.size() != results.size())
    fail_user("{} gives another number of tensors", what);
  c10::List<at::Tensor> tensors;
  for (size_t i = 0; i < results.size(); ++i) {
    const c10::IValue value = value_of(results[i], inner, what);
    if (list) {
      tensors.push_back(value.toTensor());
    } else {
      assign(outputs[i], value, values, what);
    }
  }
  if (list) assign(outputs[0], tensors, values, what);
}

void run_node(const json& node, Values& values) {
  const std::string target = text(node, "target", "a node");
  const std::string what = describe(node, target);
  if (is_guard(target)) return;
  if (target.find("wrap_with_set_grad_enabled") != std::string::npos) {
    return run_inner(node, values, what);
  }
  const auto modules = modules_of(node);
  tracing::announce_module(modules.empty() ? std::nullopt
                                           : std::optional<std::string>(modules.back().first));
  std::vector<c10::IValue> results;
  if (const auto* symbolic = find_symbolic(target)) {
    std::vector<c10::IValue> arguments;
    for (const auto& input : field(node, "inputs", what)) {
      arguments.push_back(value_of(field(input, "arg", what), values, what));
    }
    for (const auto& argument : arguments) {
      if (argument.isTensor()) tracing::announce_sizes_of(argument.toTensor());
    }
    results = symbolic->call(arguments, what);
  } else {
    results = call_operator(target, node, values, what);
  }
  const auto& outputs = field(node, "outputs", what);
  if (!outputs.is_array() || outputs.size() > results.size()) {
    fail_user("{} gives {} results, and the program says {}", what, results.size(), outputs.size());
  }
  for (size_t i = 0; i < outputs.size(); ++i) assign(outputs[i], results[i], values, what);
}

/// A whole number among a node's arguments.
int64_t number_of(const json& node, const std::string& name, int64_t fallback, const Values& values,
                  const std::string& what) {
  for (const auto& input : field(node, "inputs", what)) {
    if (!is_set(input, "name") || input.at("name") != name) continue;
    const c10::IValue value = value_of(field(input, "arg", what), values, what);
    return value.isNone() ? fallback : value.toInt();
  }
  return fallback;
}

/// Runs a node that writes into a slice, on a slice of its own; the tensor that was sliced is put
/// together anew.
void write_slice(const json& node, const json& slice, Values& values) {
  const std::string what = describe(slice, text(slice, "target", "a node"));
  const auto output = [&](const json& of) {
    return text(*member(field(of, "outputs", what).at(0), what).second, "name", what);
  };
  const std::string view = output(slice);
  const auto& self = field(field(slice, "inputs", what).at(0), "arg", what);
  const std::string whole = text(*member(self, what).second, "name", what);
  const at::Tensor before = look_up(values, whole, what).toTensor();
  const at::Tensor part = look_up(values, view, what).toTensor();
  if (number_of(slice, "step", 1, values, what) != 1) return run_node(node, values);
  const int64_t axis = number_of(slice, "dim", 0, values, what), size = before.size(axis);
  int64_t begin = number_of(slice, "start", 0, values, what);
  begin = std::clamp<int64_t>(begin < 0 ? begin + size : begin, 0, size);
  const int64_t end = begin + part.size(axis);
  values[view] = part.clone();
  run_node(node, values);
  values[whole] = at::cat({before.slice(axis, 0, begin), values[view].toTensor(),
                           before.slice(axis, end, size)},
                          axis);
}

/// "L['self'].layer1[0].conv1", "layer1.0.conv1@1" -> "layer1.0.conv1"
std::optional<std::string> plain_path(std::string path) {
  for (const std::string_view self : {"L['self']", "L__self__"}) {
    if (path.starts_with(self)) path.erase(0, self.size());
  }
  path.resize(std::min(path.size(), path.find('@')));
  std::string out;
  for (const char c : path) {
    if (c == '[') out += '.';
    if (c != '[' && c != ']' && c != '\'') out += c;
  }
  if (out.starts_with(".")) out.erase(0, 1);
  const bool plain = std::all_of(out.begin(), out.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.';
  });
  if (!plain || out.ends_with(".") || out.find("..") != std::string::npos) return std::nullopt;
  return out;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> modules_of(const json& node) {
  std::vector<std::pair<std::string, std::string>> out;
  if (!is_set(node, "metadata") || !is_set(node.at("metadata"), "nn_module_stack")) return out;
  const auto& stack = node.at("metadata").at("nn_module_stack");
  if (!stack.is_string()) return out;
  for (const auto& entry : split(stack.get<std::string>(), ';')) {  // key,path,type
    const auto parts = split(entry, ',');
    if (parts.size() != 3) return {};
    // What a pass of the exporter adds has no module: "_empty_nn_module_stack_from_metadata_hook".
    if (parts[2] == parts[0] && parts[1] == parts[0]) return {};
    const auto path = plain_path(parts[1]);
    if (!path) return {};
    out.emplace_back(*path, parts[2].substr(parts[2].rfind('.') + 1));
  }
  return out;
}

void run(const json& graph, Values& values, const Special& special) {
  const auto& nodes = field(graph, "nodes", "the program");
  if (!nodes.is_array()) fail_user("the program's nodes are no list");
  for (const auto& node : nodes) {
    std::optional<tracing::Untraced> unseen;
    if (special.untraced.contains(&node)) unseen.emplace();
    const auto slice = special.slice_writes.find(&node);
    if (slice != special.slice_writes.end() && !unseen) {
      write_slice(node, *slice->second, values);
    } else {
      run_node(node, values);
    }
  }
}

}  // namespace rung::pt2
