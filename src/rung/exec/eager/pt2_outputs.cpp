#include "rung/exec/eager/pt2_outputs.h"

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/exec/eager/pt2_arguments.h"
#include "rung/exec/eager/pt2_json.h"

namespace rung::pt2 {
namespace {

using nlohmann::json;

constexpr int kDeepest = 64;  // results within results

/// Walks through a tree of torch.utils._pytree: {"type": …, "context": …, "children_spec": […]}.
bool add_names(const json& tree, const std::string& name, std::vector<std::string>& out,
               int depth = 0) {
  if (depth > kDeepest || !tree.is_object() || !tree.contains("children_spec")) return false;
  if (!is_set(tree, "type")) {
    out.push_back(name);
    return true;
  }
  const auto& children = tree.at("children_spec");
  json keys;  // of a dictionary: text that is JSON again
  if (is_set(tree, "context") && tree.at("context").is_string()) {
    keys = json::parse(tree.at("context").get<std::string>(), nullptr, false);
  }
  const bool dictionary = tree.at("type").is_string() &&
                          tree.at("type").get<std::string>().ends_with("ict") && keys.is_array() &&
                          keys.size() == children.size();
  for (size_t i = 0; i < children.size(); ++i) {
    const std::string key =
        dictionary && keys[i].is_string() ? keys[i].get<std::string>() : std::to_string(i);
    if (!add_names(children[i], name.empty() ? key : name + "." + key, out, depth + 1))
      return false;
  }
  return true;
}

}  // namespace

std::vector<std::string> output_names(const json& graph_module, size_t results) {
  if (!is_set(graph_module, "module_call_graph")) return {};
  for (const auto& entry : graph_module.at("module_call_graph")) {
    if (!entry.is_object() || !entry.contains("fqn") || entry.at("fqn") != "") continue;
    if (!is_set(entry, "signature") || !is_set(entry.at("signature"), "out_spec")) return {};
    const auto& spec = entry.at("signature").at("out_spec");
    const auto tree =
        spec.is_string() ? json::parse(spec.get<std::string>(), nullptr, false) : json();
    std::vector<std::string> out;
    if (!tree.is_array() || tree.size() != 2 || !add_names(tree[1], "", out)) return {};
    if (out.size() != results) return {};
    for (std::string& name : out) {
      const bool place = name.find_first_not_of("0123456789.") == std::string::npos;
      if (place) name = "output" + (out.size() == 1 ? "" : name);
    }
    return out;
  }
  return {};
}

std::vector<at::Tensor> results(const std::vector<json>& results, const Values& values) {
  std::vector<at::Tensor> out;
  for (const auto& result : results) {
    const c10::IValue value = value_of(result, values, "an output");
    if (value.isNone()) {
      out.emplace_back();  // a trace leaves it out
      continue;
    }
    if (!value.isTensor()) fail_unsupported("the network gives {} as an output", value.tagKind());
    out.push_back(value.toTensor());
  }
  return out;
}

c10::IValue value_of_constant(const json& value, const std::string& what) {
  return value_of(value, {}, what);
}

}  // namespace rung::pt2
