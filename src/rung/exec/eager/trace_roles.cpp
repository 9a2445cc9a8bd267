#include <algorithm>
#include <set>

#include "rung/exec/eager/trace_lower.h"

namespace rung::tracing {
namespace {

bool starts(const std::string& name, std::initializer_list<std::string_view> prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(), [&](std::string_view prefix) {
    return std::string_view(name).substr(6).starts_with(prefix);
  });
}

/// What a layer says about the axes of a tensor of this rank that it reads; empty: nothing.
Roles roles_of_reader(const Call& call, size_t argument, size_t rank) {
  if (starts(call.name, {"_conv", "conv", "batch_norm", "instance_norm", "group_norm", "max_pool",
                         "avg_pool", "adaptive_", "upsample_", "_adaptive"})) {
    return argument == 0 && rank > 2 ? map_roles(rank) : Roles{};
  }
  if (starts(call.name, {"lstm", "gru", "rnn_"}) && argument == 0 && rank == 3) {
    const auto& batch_first = call.arguments.back().constant;
    if (batch_first.isBool() && !batch_first.toBool()) {
      return {Role::kTime, Role::kBatch, Role::kFeature};
    }
    return sequence_roles();
  }
  if (starts(call.name, {"linear", "layer_norm"}) && argument == 0) {
    if (rank == 3) return sequence_roles();
    if (rank == 2) return vector_roles();
  }
  if (starts(call.name, {"embedding"}) && argument == 1 && rank == 2) {
    return {Role::kBatch, Role::kTime};
  }
  return {};
}

}  // namespace

Roles guess_roles(const Record& record, size_t input) {
  const Shape& shape = record.values[input].sizes;
  std::set<ValueId> alike{static_cast<ValueId>(input)};  // of the same axes
  for (const Call& call : record.calls) {
    for (size_t i = 0; i < call.arguments.size(); ++i) {
      for (const ValueId id : call.arguments[i].tensors) {
        if (!alike.contains(id)) continue;
        auto roles = roles_of_reader(call, i, shape.size());
        if (!roles.empty()) return roles;
        const bool keeps = !starts(call.name, {"view", "reshape", "permute", "transpose"});
        if (!keeps || call.outputs.size() != 1) continue;
        const auto& out = record.values[static_cast<size_t>(call.outputs[0])].sizes;
        if (out.size() == shape.size()) alike.insert(call.outputs[0]);
      }
    }
  }
  return roles_by_rank(shape.size());
}

}  // namespace rung::tracing
