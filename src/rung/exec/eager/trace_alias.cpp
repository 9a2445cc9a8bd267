#include "rung/exec/eager/trace_alias.h"

#include <ATen/core/dispatch/Dispatcher.h>

#include "rung/base/error.h"

namespace rung::tracing {

ValueId Aliases::root(ValueId id) const {
  const auto found = roots_.find(id);
  return found == roots_.end() ? id : found->second;
}

void Aliases::read(ValueId id, const std::string& reader) const {
  const auto found = stale_.find(id);
  if (found == stale_.end()) return;
  fail_unsupported(
      "{} reads a tensor after '{}' wrote into its memory through another view of it, which a "
      "trace cannot follow; build the tensor with cat, stack or where instead",
      reader, found->second);
}

ValueId Aliases::apply(const c10::FunctionSchema& schema, const Call& call) {
  bool view = false;
  for (const auto& result : schema.returns()) view = view || result.alias_info() != nullptr;
  ValueId shares = kNoValue;
  for (size_t i = 0; i < call.arguments.size(); ++i) {
    const auto* alias = schema.arguments()[i].alias_info();
    if (alias == nullptr || call.arguments[i].tensors.empty()) continue;
    const ValueId memory = root(call.arguments[i].tensors[0]);
    if (view) shares = memory;
    if (!alias->isWrite()) continue;
    stale_[memory] = schema.name();
    for (const auto& [id, of] : roots_) {
      if (of == memory) stale_[id] = schema.name();
    }
  }
  return shares;
}

void Aliases::add_output(ValueId output, ValueId shares) {
  if (shares != kNoValue) roots_[output] = shares;
}

const c10::FunctionSchema& without_mutation(const c10::FunctionSchema& schema) {
  if (!schema.is_mutable()) return schema;
  std::string name = schema.name();
  if (!name.ends_with('_') || name.ends_with("__")) {
    fail_unsupported("operator '{}' changes its inputs and cannot be traced", name);
  }
  name.pop_back();
  const auto found = c10::Dispatcher::singleton().findSchema({name, schema.overload_name()});
  if (!found) fail_unsupported("operator '{}_' has no form that gives a new tensor", name);
  return found->schema();
}

}  // namespace rung::tracing
