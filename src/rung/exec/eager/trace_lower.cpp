#include "rung/exec/eager/trace_lower.h"

#include <torch/csrc/jit/frontend/function_schema_parser.h>

#include <algorithm>
#include <set>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/exec/eager/convert.h"
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

/// What an argument holds, as whole numbers.
std::vector<int64_t> whole_numbers(const c10::IValue& value) {
  if (value.isInt()) return {value.toInt()};
  if (value.isIntList()) return value.toIntVector();
  return {};
}

class Lowering {
 public:
  Lowering(const std::vector<const Record*>& records, const Record& repeat, const Source& source)
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

  Lowered run(const std::vector<std::string>& names, const std::vector<ops::Input>& inputs);

 private:
  friend class CallView;

  const TracedValue& traced(ValueId id) const { return base_.values[static_cast<size_t>(id)]; }
  Dims sizes(ValueId id) const {
    Dims out(traced(id).sizes.size());
    for (const Record* record : records_) {
      const Shape& shape = record->values[static_cast<size_t>(id)].sizes;
      for (size_t i = 0; i < out.size(); ++i) out[i].seen.push_back(shape.at(i));
    }
    return out;
  }
  /// Throws SizeVaries with the records in which `differs`.
  template <typename F>
  void check_same(const std::string& what, const F& differs) const {
    SizeVaries varies{{}, what};
    for (size_t i = 1; i < records_.size(); ++i) {
      if (differs(i)) varies.records.push_back(i);
    }
    if (!varies.records.empty()) throw varies;
  }

  std::vector<Ref> add(LoweredNode node) {
    std::vector<Ref> out;
    for (size_t port = 0; port < node.types.size(); ++port) {
      out_.refs.emplace_back(out_.nodes.size(), static_cast<int32_t>(port));
      out.push_back(static_cast<Ref>(out_.refs.size()) - 1);
    }
    out_.nodes.push_back(std::move(node));
    return out;
  }
  std::vector<TensorType> types(const std::vector<Ref>& refs) const {
    std::vector<TensorType> out;
    for (const Ref ref : refs) out.push_back(type(ref));
    return out;
  }
  const TensorType& type(Ref ref) const {
    const auto [node, port] = out_.refs[static_cast<size_t>(ref)];
    return out_.nodes[node].types[static_cast<size_t>(port)];
  }
  Ref leaf(Op op, std::string name) {
    auto types = infer(op, {});
    return add({std::move(op), {}, std::move(types), std::move(name), {}})[0];
  }

  Ref ref(ValueId id);
  Ref constant(ValueId id);
  void lower_call(size_t index);
  bool fits(const Call& call, const std::vector<Ref>& refs) const;
  std::vector<Ref> opaque(size_t index);

  const std::vector<const Record*>& records_;
  const Record& base_;
  const Record& repeat_;
  const Source& source_;
  Lowered out_;
  std::map<ValueId, Ref> refs_;
  std::set<ValueId> used_;
};

/// A call as its rule sees it.
class CallView final : public ops::AtenCall {
 public:
  CallView(Lowering& lowering, size_t index)
      : lowering_(lowering), index_(index), call_(lowering.base_.calls[index]) {}

  std::string_view name() const override { return call_.name; }
  size_t size() const override { return call_.arguments.size(); }
  bool given(size_t i) const override {
    return i < size() && (is_tensor(i) || is_list(i) || !value(i).isNone());
  }
  bool is_tensor(size_t i) const override {
    return call_.arguments.at(i).kind == Argument::Kind::kTensor;
  }
  Ref tensor(size_t i) override {
    if (!is_tensor(i)) fail_user("argument {} of {} is not a tensor", i, call_.name);
    return lowering_.ref(call_.arguments[i].tensors[0]);
  }
  std::vector<std::optional<Ref>> tensors(size_t i) override {
    std::vector<std::optional<Ref>> out;
    for (const ValueId id : call_.arguments.at(i).tensors) {
      out.push_back(id == kNoValue ? std::optional<Ref>() : lowering_.ref(id));
    }
    return out;
  }
  const c10::IValue& value(size_t i) const override { return call_.arguments.at(i).constant; }
  Dims dims(size_t i) const override {
    Dims out;
    for (const Record* record : lowering_.records_) {
      const auto numbers = whole_numbers(record->calls[index_].arguments.at(i).constant);
      out.resize(numbers.size());
      for (size_t k = 0; k < numbers.size(); ++k) out[k].seen.push_back(numbers[k]);
    }
    return out;
  }
  Dims sizes(size_t argument) const override {
    return lowering_.sizes(call_.arguments.at(argument).tensors.at(0));
  }
  Dims result_sizes(size_t output) const override {
    return lowering_.sizes(call_.outputs.at(output));
  }
  DType result_dtype(size_t output) const override {
    return from_torch(lowering_.traced(call_.outputs.at(output)).type);
  }
  size_t results() const override { return call_.outputs.size(); }
  bool used(size_t output) const override {
    return lowering_.used_.contains(call_.outputs.at(output));
  }
  bool is_zeros(Ref ref) const override;
  std::optional<ops::Like> find_like(const Dims& sizes) override;
  [[noreturn]] void fix(const Dims& sizes) const override {
    lowering_.check_same(call_.name, [&](size_t k) {
      return std::any_of(sizes.begin(), sizes.end(),
                         [&](const Dim& size) { return size.seen[k] != size.seen[0]; });
    });
    fail_bug("{} gave up a size that does not vary", call_.name);
  }
  const TensorType& type(Ref ref) const override { return lowering_.type(ref); }
  std::vector<Ref> add_all(Op op, std::vector<Ref> inputs) override {
    auto types = infer(op, lowering_.types(inputs));
    return lowering_.add({std::move(op), std::move(inputs), std::move(types), {}, index_});
  }

 protected:
  void check_fixed(size_t i) const override {
    lowering_.check_same(call_.name, [&](size_t k) {
      return !(lowering_.records_[k]->calls[index_].arguments.at(i).constant == value(i));
    });
  }

 private:
  bool is_list(size_t i) const { return call_.arguments.at(i).kind == Argument::Kind::kTensors; }
  std::optional<ops::Like> like(ValueId id, const Dims& sizes);

  Lowering& lowering_;
  size_t index_;
  const Call& call_;
};

bool CallView::is_zeros(Ref ref) const {
  const auto place = lowering_.out_.refs[static_cast<size_t>(ref)].first;
  const auto& node = lowering_.out_.nodes[place];
  if (!node.call) return false;
  const auto& name = lowering_.out_.calls[*node.call];
  return name == "zeros" || name == "new_zeros" || name == "zeros_like";
}

std::optional<ops::Like> CallView::like(ValueId id, const Dims& sizes) {
  const Dims have = lowering_.sizes(id);
  ops::Like out;
  size_t axis = 0;
  for (const Dim& size : sizes) {
    while (axis < have.size() && have[axis].seen != size.seen) ++axis;
    if (axis == have.size()) return std::nullopt;
    out.axes.push_back(static_cast<int64_t>(axis++));
  }
  out.tensor = lowering_.ref(id);
  return out;
}

std::optional<ops::Like> CallView::find_like(const Dims& sizes) {
  std::vector<ValueId> candidates;
  for (size_t i = 0; i < lowering_.base_.inputs; ++i) {
    candidates.push_back(static_cast<ValueId>(i));
  }
  for (const auto& argument : call_.arguments) {
    for (const ValueId id : argument.tensors) {
      if (id != kNoValue) candidates.push_back(id);
    }
  }
  for (auto it = lowering_.refs_.rbegin(); it != lowering_.refs_.rend(); ++it) {
    candidates.push_back(it->first);
  }
  for (const ValueId id : candidates) {
    if (auto found = like(id, sizes)) return found;
  }
  return std::nullopt;
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
  refs_.emplace(id, made);
  return made;
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
  if (value.numel() > kLargestConstant)
    fail_unsupported("the traced function makes a tensor of {} elements; register it as a buffer",
                     value.numel());
  return leaf(ops::Constant{from_torch(value.detach().contiguous()).clone()}, "constant");
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
    }
  }
  if (!result) result = opaque(index);
  for (size_t i = 0; i < call.outputs.size(); ++i) refs_[call.outputs[i]] = result->at(i);
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

Lowered Lowering::run(const std::vector<std::string>& names,
                      const std::vector<ops::Input>& inputs) {
  for (size_t i = 0; i < base_.inputs; ++i) {
    refs_[static_cast<ValueId>(i)] = leaf(inputs[i], names[i]);
  }
  for (const size_t index : needed_calls(base_)) lower_call(index);
  for (const ValueId id : base_.results) out_.results.push_back(ref(id));
  return std::move(out_);
}

}  // namespace

Lowered lower(const std::vector<const Record*>& records, const Record& repeat, const Source& source,
              const std::vector<std::string>& input_names, const std::vector<ops::Input>& inputs) {
  return Lowering(records, repeat, source).run(input_names, inputs);
}

}  // namespace rung::tracing
