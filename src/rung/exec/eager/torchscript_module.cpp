#include "rung/exec/eager/torchscript_module.h"

#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/passes/inliner.h>

#include <deque>
#include <set>

#include "rung/base/error.h"
#include "rung/base/text.h"

namespace rung::torchscript {
namespace {

namespace jit = torch::jit;

constexpr int64_t kLargestConstant = 4096;  // elements; more is a buffer

/// Walks through the nodes of a block and the blocks within.
template <typename F>
void for_each_node(const jit::Block& block, const F& visit) {
  for (const jit::Node* node : block.nodes()) {
    visit(*node);
    for (const jit::Block* inner : node->blocks()) for_each_node(*inner, visit);
  }
}

/// The code of `forward`, with that of every module that it calls in place.
std::shared_ptr<jit::Graph> whole_code(const jit::Module& module) {
  auto graph = module.get_method("forward").graph()->copy();
  jit::Inline(*graph);
  return graph;
}

/// "__torch__.torch.nn.modules.conv.___torch_mangle_3.Conv2d" -> "Conv2d"
std::string short_type(const jit::Module& module) {
  const auto& name = module.type()->name();
  return name ? name->name() : std::string();
}

void add_constants(const jit::Module& module, tracing::Source& out) {
  const auto graph = whole_code(module);
  for_each_node(*graph->block(), [&](const jit::Node& node) {
    if (node.kind() != c10::prim::Constant) return;
    const auto value = jit::toIValue(node.output());
    if (!value || !value->isTensor() || !value->toTensor().defined()) return;
    const at::Tensor tensor = value->toTensor();
    if (tensor.numel() <= kLargestConstant) {
      out.constants.push_back(tensor);
    } else {
      out.weights.push_back({"constant" + std::to_string(out.weights.size()), tensor, true});
    }
  });
}

/// What an attribute that is read through `self` holds.
std::optional<c10::IValue> held_value(const jit::Value& value, const jit::Module& module) {
  const jit::Node& node = *value.node();
  if (node.kind() == c10::prim::Param) return c10::IValue(module._ivalue());
  if (node.kind() != c10::prim::GetAttr) return std::nullopt;
  const auto owner = held_value(*node.input(), module);
  if (!owner || !owner->isObject()) return std::nullopt;
  const auto name = node.s(c10::attr::name);
  const auto object = owner->toObject();
  if (!object->type()->hasAttribute(name)) return std::nullopt;
  return object->getAttr(name);
}

const jit::Value* find_input(const jit::Graph& graph, const jit::Module& module,
                             const std::string& name) {
  const auto& arguments = module.get_method("forward").function().getSchema().arguments();
  for (size_t i = 0; i < arguments.size() && i < graph.inputs().size(); ++i) {
    if (arguments[i].name() == name) return graph.inputs()[i];
  }
  return nullptr;
}

bool is_convolution(const jit::Node& node) {
  const std::string_view name = node.kind().toQualString();
  return name == "aten::_convolution" || name == "aten::convolution" || name == "aten::conv1d" ||
         name == "aten::conv2d" || name == "aten::conv3d";
}

/// Groups stand last but in the general forms, which also know whether they are transposed.
std::optional<int64_t> groups_of(const jit::Node& node) {
  const bool general = std::string_view(node.kind().toQualString()).ends_with("convolution");
  if (general) {
    const auto transposed = jit::toIValue(node.input(6));
    if (!transposed || transposed->toBool()) return std::nullopt;
  }
  const auto groups = jit::toIValue(node.input(general ? 8 : 6));
  return groups && groups->isInt() ? std::optional(groups->toInt()) : std::nullopt;
}

}  // namespace

tracing::Source source_of(const jit::Module& module) {
  tracing::Source out;
  std::set<const c10::TensorImpl*> seen;
  const auto add = [&](const std::string& name, const at::Tensor& tensor, bool buffer) {
    if (!tensor.defined() || !seen.insert(tensor.unsafeGetTensorImpl()).second) return;
    out.weights.push_back({name, tensor, buffer});
  };
  for (const auto& item : module.named_parameters()) add(item.name, item.value, false);
  for (const auto& item : module.named_attributes()) {
    if (item.value.isTensor()) add(item.name, item.value.toTensor(), true);
  }
  for (const auto& item : module.named_modules()) {
    const bool children = item.value.children().size() > 0;
    bool weights = false;
    for (const auto& attribute : item.value.named_attributes()) {
      weights = weights || attribute.value.isTensor();
    }
    out.modules.push_back({item.name, short_type(item.value), children, weights});
  }
  add_constants(module, out);
  return out;
}

State::State(const jit::Module& module) {
  for (const auto& item : module.named_attributes()) {
    const bool tensor = item.value.isTensor() && item.value.toTensor().defined();
    values_.emplace_back(item.value, tensor ? item.value.toTensor()._version() : 0);
  }
}

void State::check_unchanged(const jit::Module& module) const {
  size_t i = 0;
  for (const auto& item : module.named_attributes()) {
    const auto& [value, version] = values_.at(i++);
    const bool tensor = item.value.isTensor() && item.value.toTensor().defined();
    if (item.value.is(value) && (!tensor || item.value.toTensor()._version() == version)) continue;
    fail_unsupported(
        "the network changes its own {} as it runs\n"
        "  rule    a graph keeps nothing from one run to the next: what does is an input and an "
        "output\n"
        "  fix     read a part of the network that has its state as an argument "
        "(TorchScriptOptions::part), or save such a one",
        quoted(item.name));
  }
}

at::ScalarType type_of_input(const jit::Module& module, const std::string& name) {
  const auto graph = whole_code(module);
  const jit::Value* input = find_input(*graph, module, name);
  if (input == nullptr) return at::kFloat;
  for (const auto& use : input->uses()) {
    const std::string_view op = use.user->kind().toQualString();
    if (op == "aten::embedding" && use.offset == 1) return at::kLong;
    if (op == "aten::one_hot" || (op == "aten::embedding_bag" && use.offset > 0)) return at::kLong;
  }
  return at::kFloat;
}

std::optional<Shape> shape_for_convolution(const jit::Module& module, const std::string& name,
                                           int64_t size) {
  const auto graph = whole_code(module);
  const jit::Value* input = find_input(*graph, module, name);
  if (input == nullptr) return std::nullopt;
  std::deque<const jit::Value*> reached{input};
  std::set<const jit::Value*> seen{input};
  for (; !reached.empty(); reached.pop_front()) {
    for (const auto& use : reached.front()->uses()) {
      if (is_convolution(*use.user) && use.offset == 0) {
        const auto weight = held_value(*use.user->input(1), module);
        const auto groups = groups_of(*use.user);
        if (!weight || !weight->isTensor() || !groups) return std::nullopt;
        const at::Tensor tensor = weight->toTensor();
        if (tensor.dim() < 3) return std::nullopt;
        Shape out(static_cast<size_t>(tensor.dim()), size);
        out[0] = 1;
        out[1] = tensor.size(1) * *groups;
        return out;
      }
      for (const jit::Value* output : use.user->outputs()) {
        if (seen.insert(output).second) reached.push_back(output);
      }
    }
  }
  return std::nullopt;
}

}  // namespace rung::torchscript
