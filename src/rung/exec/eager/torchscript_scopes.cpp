#include "rung/exec/eager/torchscript_scopes.h"

#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/runtime/custom_operator.h>

#include <set>
#include <vector>

#include "rung/exec/eager/trace_record.h"

namespace rung::torchscript {

/// The methods that are under way in this thread, by the paths of their modules.
struct Running {
  const Scopes* scopes = nullptr;
  std::vector<std::optional<std::string>> paths;

  void announce() const { tracing::announce_module(paths.empty() ? std::nullopt : paths.back()); }
  void enter(const c10::IValue& module) {
    if (scopes == nullptr) return;
    const auto found = scopes->paths_.find(module.toObject().get());
    paths.push_back(found == scopes->paths_.end() ? std::nullopt : std::optional(found->second));
    announce();
  }
  void leave() {
    if (scopes == nullptr || paths.empty()) return;
    paths.pop_back();
    announce();
  }
};

namespace {

namespace jit = torch::jit;

thread_local Running running;

const jit::RegisterOperators kMarks({
    jit::Operator(
        "rung::enter(Any module) -> ()", [](jit::Stack& stack) { running.enter(jit::pop(stack)); },
        c10::AliasAnalysisKind::CONSERVATIVE),
    jit::Operator(
        "rung::leave() -> ()", [](jit::Stack&) { running.leave(); },
        c10::AliasAnalysisKind::CONSERVATIVE),
});

void mark(jit::Graph& graph) {
  const auto enter = c10::Symbol::fromQualString("rung::enter");
  const auto leave = c10::Symbol::fromQualString("rung::leave");
  graph.prependNode(graph.create(enter, {graph.inputs()[0]}, 0));
  graph.appendNode(graph.create(leave, 0));
}

}  // namespace

Scopes::Scopes(const jit::Module& module) {
  std::set<const jit::Graph*> marked;  // modules of one class share its methods
  for (const auto& item : module.named_modules()) {
    paths_.emplace(item.value._ivalue().get(), item.name);
    for (const auto& method : item.value.get_methods()) {
      auto* function = jit::tryToGraphFunction(method.function());
      if (function != nullptr && marked.insert(function->graph().get()).second) {
        mark(*function->graph());
      }
    }
  }
}

Scopes::Guard::Guard(const Scopes& scopes) {
  running.scopes = &scopes;
  running.paths.clear();
}
Scopes::Guard::~Guard() { running.scopes = nullptr; }

}  // namespace rung::torchscript
