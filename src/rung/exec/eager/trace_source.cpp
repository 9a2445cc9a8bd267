#include "rung/exec/eager/trace_source.h"

#include <set>

namespace rung::tracing {
namespace {

void add_weights(const torch::nn::Module& root, Source& out) {
  std::set<const c10::TensorImpl*> seen;
  const auto add = [&](const auto& named, bool buffer) {
    for (const auto& item : named) {
      const at::Tensor& tensor = item.value();
      if (!tensor.defined() || !seen.insert(tensor.unsafeGetTensorImpl()).second) continue;
      out.weights.push_back({item.key(), tensor, buffer});
    }
  };
  add(root.named_parameters(), false);
  add(root.named_buffers(), true);
}

void add_modules(const std::string& path, const torch::nn::Module& module, Source& out) {
  std::string type = module.name();
  type = type.substr(type.rfind(':') + 1);
  if (type.ends_with("Impl")) type.resize(type.size() - 4);
  const bool weights = !module.parameters().empty() || !module.buffers().empty();
  out.modules.push_back({path, type, !module.children().empty(), weights});
  for (const auto& child : module.named_children()) {
    add_modules(path.empty() ? child.key() : path + "." + child.key(), *child.value(), out);
  }
}

}  // namespace

Source source_of(const torch::nn::Module* root) {
  Source out;
  if (root == nullptr) return out;
  add_weights(*root, out);
  add_modules("", *root, out);
  return out;
}

}  // namespace rung::tracing
