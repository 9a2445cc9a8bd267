#include "rung/exec/eager/trace_lower.h"

#include <torch/csrc/jit/frontend/function_schema_parser.h>

#include <algorithm>

#include "rung/base/error.h"
#include "rung/exec/eager/convert.h"
#include "rung/exec/eager/trace_call.h"
#include "rung/ops/misc/opaque_eager.h"

namespace rung::tracing {
namespace {

using ops::AtenResult;
using ops::Dim;
using ops::Dims;
using ops::Ref;

constexpr int64_t kLargestConstant = 4096;  // elements; more is a buffer

std::set<size_t> needed_calls(const Record& record) {
  std::set<ValueId> wanted(record.results.begin(), record.results.end());
  std::set<size_t> calls;
  for (size_t i = record.calls.size(); i-- > 0;) {
    const Call& call = record.calls[i];
    const bool needed = std::any_of(call.outputs.begin(), call.outputs.end(),
                                    [&](ValueId id) { return wanted.contains(id); });
    if (!needed) continue;
    calls.insert(i);
    for (const auto& argument : call.arguments) {
      wanted.insert(argument.tensors.begin(), argument.tensors.end());
    }
  }
  return calls;
}

}  // namespace

Lowering::Lowering(const std::vector<const Record*>& records, const Record& repeat,
                   const Source& source)
    : records_(records), base_(*records[0]), repeat_(repeat), source_(source) {
  for (const auto& call : base_.calls) {
    out_.calls.push_back(call.name.substr(6));
    out_.scopes.push_back(call.scope);
  }
  for (const auto& call : base_.calls) {
    for (const auto& argument : call.arguments) {
      used_.insert(argument.tensors.begin(), argument.tensors.end());
    }
  }
  used_.insert(base_.results.begin(), base_.results.end());
}

Ref Lowering::ref(ValueId id) {
  const auto found = refs_.find(id);
  if (found != refs_.end()) return found->second;
  const auto i = static_cast<size_t>(id);
  Ref made = 0;
  if (i >= base_.inputs && i < base_.inputs + base_.weights) {
    const TracedWeight& weight = source_.weights[i - base_.inputs];
    made = leaf(ops::Param{.dtype = from_torch(weight.tensor.scalar_type()),
                           .shape = weight.tensor.sizes().vec(),
                           .buffer = weight.buffer},
                weight.name);
  } else {
    made = constant(id);
  }
  bind(id, made);
  return made;
}

void Lowering::bind(ValueId id, Ref ref) {
  refs_[id] = ref;
  values_.emplace(ref, id);
  for (const Dim& size : sizes(id)) {
    auto& same = axes_[size.seen];
    if (same.empty() || same.back() != id) same.push_back(id);
  }
}

/// Values with an axis of one of these sizes, one that varies where there is such: those whose sizes
/// the function asked for (what has a size by chance may lie within a layer), then the latest.
std::vector<ValueId> Lowering::values_with(const Dims& sizes) const {
  if (sizes.empty()) return {};
  const auto varying =
      std::find_if(sizes.begin(), sizes.end(), [](const Dim& size) { return size.varies(); });
  const auto found = axes_.find((varying == sizes.end() ? sizes.front() : *varying).seen);
  if (found == axes_.end()) return {};
  std::vector<ValueId> out(found->second.rbegin(), found->second.rend());
  std::stable_partition(out.begin(), out.end(), [&](ValueId id) { return traced(id).asked; });
  return out;
}

/// Those of the trace, or for what a rule made on its way what its op says.
Dims Lowering::sizes_of(Ref ref) const {
  if (const auto known = values_.find(ref); known != values_.end()) return sizes(known->second);
  const LoweredNode& node = maker(ref);
  const auto port = static_cast<size_t>(out_.refs[static_cast<size_t>(ref)].second);
  std::vector<Dims> in;
  for (const Ref input : node.inputs) in.push_back(sizes_of(input));
  Dims out(type(ref).rank());
  for (size_t k = 0; k < records_.size(); ++k) {
    auto types = this->types(node.inputs);
    for (size_t i = 0; i < types.size(); ++i) {
      for (size_t axis = 0; axis < in[i].size(); ++axis) types[i].shape[axis] = in[i][axis].seen[k];
    }
    const Shape shape = infer(node.op, types).at(port).shape;
    for (size_t axis = 0; axis < out.size(); ++axis) out[axis].seen.push_back(shape[axis]);
  }
  return out;
}

Ref Lowering::constant(ValueId id) {
  const auto i = static_cast<size_t>(id);
  const at::Tensor& value = traced(id).constant;
  if (!value.defined()) fail_bug("value {} of the trace was not lowered", id);
  const bool of_program =
      std::any_of(source_.constants.begin(), source_.constants.end(),
                  [&](const at::Tensor& known) { return known.is_alias_of(value); });
  if (!of_program && repeat_.values[i].constant.is_alias_of(value)) {
    fail_user(
        "the traced function uses a tensor {} that is neither an input nor registered in the "
        "module; register it (register_buffer), or make it an input",
        to_string(TensorType(from_torch(value.scalar_type()), value.sizes().vec())));
  }
  if (!at::equal(repeat_.values[i].constant, value)) {
    fail_unsupported("the traced function makes a tensor {} that is another at every run",
                     to_string(value.sizes().vec()));
  }
  check_same("a tensor that is made", [&](size_t k) {
    const at::Tensor& other = records_[k]->values[i].constant;
    return other.sizes() != value.sizes() || !at::equal(other, value);
  });
  const Tensor own = from_torch(value.detach().contiguous()).clone();
  if (value.numel() <= kLargestConstant) return leaf(ops::Constant{own}, "constant");
  const Ref made =
      leaf(ops::Param{.dtype = own.dtype(), .shape = own.shape(), .buffer = true}, "constant");
  out_.nodes.back().value = own;
  return made;
}

bool Lowering::fits(const Call& call, const std::vector<Ref>& refs) const {
  for (size_t i = 0; i < call.outputs.size(); ++i) {
    const TracedValue& expected = traced(call.outputs[i]);
    if (!used_.contains(call.outputs[i])) continue;
    const TensorType& got = type(refs.at(i));
    if (got.shape != expected.sizes || to_torch(got.dtype) != expected.type) return false;
  }
  return true;
}

void Lowering::lower_call(size_t index) {
  const Call& call = base_.calls[index];
  AtenResult result;
  if (const auto rule = ops::find_rule(call.name)) {
    for (const auto& argument : call.arguments) {  // leaves stay, whatever the rule says
      for (const ValueId id : argument.tensors) {
        if (id != kNoValue) ref(id);
      }
    }
    CallView view(*this, index);
    const size_t mark_nodes = out_.nodes.size(), mark_refs = out_.refs.size();
    try {
      result = rule(view);
      if (result && !fits(call, *result)) result.reset();
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kUser) throw;
    } catch (const c10::Error&) {  // arguments of another overload
    }
    if (!result) {
      out_.nodes.resize(mark_nodes);
      out_.refs.resize(mark_refs);
      values_.erase(values_.lower_bound(static_cast<Ref>(mark_refs)), values_.end());
    }
  }
  if (!result) result = opaque(index);
  for (size_t i = 0; i < call.outputs.size(); ++i) bind(call.outputs[i], result->at(i));
}

std::vector<Ref> Lowering::opaque(size_t index) {
  const Call& call = base_.calls[index];
  CallView view(*this, index);
  const c10::FunctionSchema schema = torch::jit::parseSchema(call.schema);
  nlohmann::json arguments = nlohmann::json::array();
  std::vector<Ref> inputs;
  const auto input = [&](ValueId id) -> nlohmann::json {
    if (id == kNoValue) return nullptr;
    inputs.push_back(ref(id));
    return inputs.size() - 1;
  };
  for (size_t i = 0; i < call.arguments.size(); ++i) {
    const Argument& argument = call.arguments[i];
    if (argument.kind == Argument::Kind::kTensor) {
      arguments.push_back({{"input", input(argument.tensors[0])}});
    } else if (argument.kind == Argument::Kind::kTensors) {
      auto list = nlohmann::json::array();
      for (const ValueId id : argument.tensors) list.push_back(input(id));
      arguments.push_back({{"inputs", std::move(list)}});
    } else {
      check_same(call.name, [&](size_t k) {
        return !(records_[k]->calls[index].arguments[i].constant == argument.constant);
      });
      arguments.push_back(ops::opaque_argument(argument.constant, schema.arguments()[i].name()));
    }
  }
  ops::Opaque op{.schema = call.schema, .arguments = arguments.dump()};
  for (const ValueId id : call.outputs) {
    TensorType type(from_torch(traced(id).type), traced(id).sizes);
    const TensorType first = inputs.empty() ? TensorType() : this->type(inputs[0]);
    if (first.rank() == type.rank()) {
      type.roles = first.roles;
    } else if (first.rank() > 0 && type.rank() > 0 && first.roles[0] == Role::kBatch &&
               first.shape[0] == type.shape[0]) {
      type.roles[0] = Role::kBatch;
    }
    op.types.push_back(std::move(type));
  }
  return view.add_all(op, inputs);
}

/// What a rule made anew, in place of an earlier node, leaves that node without readers.
void Lowering::drop_unneeded() {
  std::vector<bool> needed(out_.nodes.size(), false);
  const auto place = [&](Ref ref) { return out_.refs[static_cast<size_t>(ref)].first; };
  for (const Ref ref : out_.results) needed[place(ref)] = true;
  std::vector<size_t> moved(out_.nodes.size());
  for (size_t i = out_.nodes.size(); i-- > 0;) {
    if (std::holds_alternative<ops::Input>(out_.nodes[i].op)) needed[i] = true;
    if (!needed[i]) continue;
    for (const Ref ref : out_.nodes[i].inputs) needed[place(ref)] = true;
  }
  std::vector<LoweredNode> kept;
  for (size_t i = 0; i < needed.size(); ++i) {
    moved[i] = kept.size();
    if (needed[i]) kept.push_back(std::move(out_.nodes[i]));
  }
  for (auto& [node, port] : out_.refs) node = moved[node];
  out_.nodes = std::move(kept);
}

Lowered Lowering::run(const std::vector<std::string>& names,
                      const std::vector<ops::Input>& inputs) {
  for (size_t i = 0; i < base_.inputs; ++i) {
    bind(static_cast<ValueId>(i), leaf(inputs[i], names[i]));
  }
  for (const size_t index : needed_calls(base_)) lower_call(index);
  for (const ValueId id : base_.results) out_.results.push_back(ref(id));
  drop_unneeded();
  return std::move(out_);
}

Lowered lower(const std::vector<const Record*>& records, const Record& repeat, const Source& source,
              const std::vector<std::string>& input_names, const std::vector<ops::Input>& inputs) {
  return Lowering(records, repeat, source).run(input_names, inputs);
}

}  // namespace rung::tracing
