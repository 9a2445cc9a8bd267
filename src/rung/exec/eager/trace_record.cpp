#include "rung/exec/eager/trace_record.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/jit/frontend/tracer.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>

#include <map>
#include <set>
#include <sstream>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/exec/eager/trace_alias.h"

namespace rung::tracing {
namespace {

namespace jit = torch::jit;

template <typename T>
c10::IValue list_of(const std::vector<c10::IValue>& elements) {
  c10::List<T> list;
  for (const auto& element : elements) list.push_back(element.to<T>());
  return list;
}

/// A list of numbers, as one constant.
c10::IValue constant_list(const std::vector<c10::IValue>& elements, const c10::Type& type) {
  const auto* list = type.castRaw<c10::ListType>();
  const auto kind = list != nullptr ? list->getElementType()->kind() : c10::TypeKind::IntType;
  if (kind == c10::TypeKind::FloatType) return list_of<double>(elements);
  if (kind == c10::TypeKind::BoolType) return list_of<bool>(elements);
  for (const auto& element : elements) {
    if (!element.isInt()) fail_unsupported("a list of {} cannot be traced", element.tagKind());
  }
  return list_of<int64_t>(elements);
}

/// The values of the graph that is being recorded whose sizes the function asked for.
std::set<size_t>& asked_for_sizes() {
  thread_local std::set<size_t> values;
  return values;
}

/// Turns LibTorch's graph into a record.
class Reader {
 public:
  Reader(jit::Graph& graph, Record& out) : graph_(graph), out_(out) {}

  void read() {
    for (const jit::Value* input : graph_.inputs()) known_[input] = tensor(new_value(*input));
    for (jit::Node* node : graph_.nodes()) read(*node);
    for (const jit::Value* result : graph_.outputs()) add_result(*result);
  }

 private:
  static Argument tensor(ValueId id) { return {Argument::Kind::kTensor, {id}, {}}; }
  static Argument constant(c10::IValue value) {
    return {Argument::Kind::kConstant, {}, std::move(value)};
  }

  ValueId new_value(const jit::Value& value) {
    TracedValue traced;
    if (const auto type = value.type()->cast<c10::TensorType>()) {
      traced.type = type->scalarType().value_or(at::kFloat);
      if (const auto sizes = type->sizes().concrete_sizes()) traced.sizes = *sizes;
    }
    traced.asked = asked_for_sizes().contains(value.unique());
    out_.values.push_back(std::move(traced));
    return static_cast<ValueId>(out_.values.size()) - 1;
  }

  void add_result(const jit::Value& value) {
    const Argument& result = known_.at(&value);
    if (result.kind == Argument::Kind::kConstant) fail_user("the result is not a tensor");
    for (const ValueId id : result.tensors) {
      aliases_.read(id, "the result");
      out_.results.push_back(id);
    }
  }

  void read(jit::Node& node) {
    if (node.kind() == c10::prim::Constant) return read_constant(node);
    if (node.kind() == c10::prim::ListConstruct || node.kind() == c10::prim::TupleConstruct) {
      known_[node.output()] = construct(node);
    } else if (node.kind() == c10::prim::ListUnpack || node.kind() == c10::prim::TupleUnpack) {
      unpack(node);
    } else if (!fold(node)) {
      read_call(node);
    }
  }

  void read_constant(const jit::Node& node) {
    const auto value = jit::toIValue(node.output());
    if (!value)
      fail_unsupported("a constant of type {} cannot be traced", node.output()->type()->str());
    if (!value->isTensor()) {
      known_[node.output()] = constant(*value);
      return;
    }
    const ValueId id = new_value(*node.output());
    TracedValue& traced = out_.values.back();
    traced.constant = value->toTensor();
    traced.type = traced.constant.scalar_type();
    traced.sizes = traced.constant.sizes().vec();
    known_[node.output()] = tensor(id);
  }

  Argument construct(const jit::Node& node) {
    std::vector<c10::IValue> numbers;
    Argument list{Argument::Kind::kTensors, {}, {}};
    bool tensors = false;
    for (const jit::Value* input : node.inputs()) {
      const Argument& element = known_.at(input);
      tensors = tensors || element.kind != Argument::Kind::kConstant;
      numbers.push_back(element.constant);
      if (element.kind == Argument::Kind::kConstant) {
        list.tensors.push_back(kNoValue);
      } else {
        list.tensors.insert(list.tensors.end(), element.tensors.begin(), element.tensors.end());
      }
    }
    const auto* type = node.output()->type()->castRaw<c10::ListType>();
    const bool of_tensors =
        type != nullptr && type->getElementType()->isSubtypeOf(*c10::OptionalType::ofTensor());
    if (tensors || of_tensors) return list;
    return constant(constant_list(numbers, *node.output()->type()));
  }

  void unpack(const jit::Node& node) {
    const Argument list = known_.at(node.input());
    if (list.kind != Argument::Kind::kTensors) {
      const auto [call, shares] = lists_.at(node.input());
      for (const jit::Value* output : node.outputs()) add_output(out_.calls[call], *output, shares);
      return;
    }
    for (size_t i = 0; i < node.outputs().size(); ++i) {
      known_[node.outputs()[i]] = tensor(list.tensors.at(i));
    }
  }

  /// Numbers that were read off sizes are numbers; a second trace tells which of them vary.
  bool fold(const jit::Node& node) {
    const std::string name = node.kind().toQualString();
    if (name == "aten::size" && node.inputs().size() == 2) {
      const Argument& x = known_.at(node.input(0));
      const Shape& sizes = out_.values.at(static_cast<size_t>(x.tensors.at(0))).sizes;
      const int64_t axis = known_.at(node.input(1)).constant.toInt();
      known_[node.output()] = constant(sizes[resolve_axis(axis, sizes.size())]);
      return true;
    }
    if (name != "prim::NumToTensor" && name != "aten::Int" && name != "aten::Float" &&
        name != "aten::Bool" && name != "aten::ScalarImplicit" && name != "aten::item") {
      return false;
    }
    known_[node.output()] = constant(known_.at(node.input(0)).constant);
    return true;
  }

  void read_call(jit::Node& node) {
    const auto* schema = node.maybeSchema();
    if (schema == nullptr || !node.kind().is_aten()) {
      fail_unsupported("operator '{}' cannot be traced", node.kind().toQualString());
    }
    Call call;
    for (const jit::Value* input : node.inputs()) call.arguments.push_back(known_.at(input));
    const auto& functional = without_mutation(*schema);
    call.name = functional.name();
    std::ostringstream text;
    text << functional;
    call.schema = text.str();
    if (const auto scope = node.scope(); scope && !scope->isRoot()) {
      call.scope = scope->namesFromRoot(".").substr(1);  // behind the "="
    }
    for (const auto& argument : call.arguments) {
      for (const ValueId id : argument.tensors) aliases_.read(id, quoted(call.name));
    }
    const ValueId shares = aliases_.apply(*schema, call);
    for (const jit::Value* output : node.outputs()) {
      if (output->type()->kind() != c10::TypeKind::ListType) {
        add_output(call, *output, shares);
        continue;
      }
      lists_[output] = {out_.calls.size(), shares};
      known_[output] = constant({});
    }
    out_.calls.push_back(std::move(call));
  }

  void add_output(Call& call, const jit::Value& output, ValueId shares) {
    call.outputs.push_back(new_value(output));
    known_[&output] = tensor(call.outputs.back());
    aliases_.add_output(call.outputs.back(), shares);
  }

  jit::Graph& graph_;
  Record& out_;
  std::map<const jit::Value*, Argument> known_;
  /// Results that are lists, not yet unpacked: the call, and what they share memory with.
  std::map<const jit::Value*, std::pair<size_t, ValueId>> lists_;
  Aliases aliases_;
};

bool same_argument(const Argument& a, const Argument& b) {
  return a.kind == b.kind && a.tensors == b.tensors && a.constant.tagKind() == b.constant.tagKind();
}

bool same_call(const Call& a, const Call& b) {
  return a.schema == b.schema && a.outputs == b.outputs &&
         std::equal(a.arguments.begin(), a.arguments.end(), b.arguments.begin(), b.arguments.end(),
                    same_argument);
}

/// LibTorch's words for a weight from outside, in ours.
void explain(const std::exception& error) {
  const std::string_view what = error.what();
  if (what.find("requires grad as a constant") == std::string_view::npos) return;
  fail_user(
      "the traced function uses a weight that is neither an input nor registered in the module; "
      "register it (register_parameter, register_module), or trace with the module that owns it");
}

}  // namespace

Record record(const TraceFunction& run, const std::vector<at::Tensor>& inputs,
              const std::vector<TracedWeight>& weights) {
  const at::NoGradGuard no_grad;
  jit::Stack stack(inputs.begin(), inputs.end());
  for (const auto& weight : weights) stack.emplace_back(weight.tensor);
  Record out;
  out.inputs = inputs.size();
  out.weights = weights.size();
  out.given = inputs;
  const auto traced = [&](const jit::Stack& given) {
    std::vector<at::Tensor> x;
    for (size_t i = 0; i < inputs.size(); ++i) x.push_back(given[i].toTensor());
    jit::Stack results;
    for (const auto& result : run(x)) {
      if (!result.defined()) continue;  // such as attention weights that nobody asked for
      out.outputs.push_back(result);
      results.emplace_back(result);
    }
    if (results.empty()) fail_user("the traced function has no tensor result");
    return results;
  };
  const auto no_name = [](const at::Tensor&) { return std::string(); };
  asked_for_sizes().clear();
  try {
    const auto state = jit::tracer::trace(std::move(stack), traced, no_name).first;
    Reader(*state->graph, out).read();
  } catch (const std::exception& error) {
    explain(error);
    throw;
  }
  return out;
}

void announce_module(const std::optional<std::string>& path) {
  const auto state = jit::tracer::getTracingState();
  if (state == nullptr) return;
  auto scope = c10::make_intrusive<jit::Scope>();
  if (path) scope = scope->push(c10::Symbol::scope("=" + *path));  // "=", for a path may be empty
  state->graph->set_current_scope(scope);
}

void announce_sizes_of(const at::Tensor& tensor) {
  const auto state = jit::tracer::getTracingState();
  if (state != nullptr && state->hasValue(tensor)) {
    asked_for_sizes().insert(state->getValue(tensor)->unique());
  }
}

Untraced::Untraced() : state_(jit::tracer::getTracingState()) {
  if (state_ != nullptr) jit::tracer::setTracingState(nullptr);
}
Untraced::~Untraced() {
  if (state_ != nullptr) jit::tracer::setTracingState(state_);
}

bool same_program(const Record& a, const Record& b) {
  return a.values.size() == b.values.size() && a.results == b.results &&
         std::equal(a.calls.begin(), a.calls.end(), b.calls.begin(), b.calls.end(), same_call);
}

}  // namespace rung::tracing
