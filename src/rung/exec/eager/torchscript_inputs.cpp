#include "rung/exec/eager/torchscript_inputs.h"

#include <algorithm>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/exec/eager/convert.h"
#include "rung/graph/rewrite.h"

namespace rung::torchscript {
namespace {

bool is_tensor(const c10::Type& type) { return type.kind() == c10::TypeKind::TensorType; }

/// T of Optional[T].
const c10::Type& without_optional(const c10::Type& type) {
  const auto* optional = type.castRaw<c10::OptionalType>();
  return optional == nullptr ? type : *optional->getElementType();
}

/// Whether an option speaks of the argument, or of a part of it.
template <typename T>
bool mentions(const std::map<std::string, T, std::less<>>& options, const std::string& name) {
  return std::any_of(options.begin(), options.end(), [&](const auto& option) {
    return option.first == name || option.first.starts_with(name + ".");
  });
}

std::string field_name(const c10::TupleType& tuple, size_t i) {
  const auto& schema = tuple.schema();
  return schema != nullptr ? schema->arguments().at(i).name() : std::to_string(i);
}

void add_tensors(const std::string& name, const c10::IValue& value, NamedTensors& out) {
  const auto below = [&](const std::string& part) {
    return name.empty() ? part : name + "." + part;
  };
  if (value.isNone()) return;
  if (value.isTensor()) {
    out.names.push_back(name);
    out.tensors.push_back(value.toTensor());
  } else if (value.isTuple()) {
    const auto type = value.type()->expect<c10::TupleType>();
    const auto& elements = value.toTupleRef().elements();
    for (size_t i = 0; i < elements.size(); ++i) {
      add_tensors(below(field_name(*type, i)), elements[i], out);
    }
  } else if (value.isList()) {
    const auto list = value.toList();
    for (size_t i = 0; i < list.size(); ++i)
      add_tensors(below(std::to_string(i)), list.get(i), out);
  } else if (value.isGenericDict()) {
    for (const auto& entry : value.toGenericDict()) {
      const c10::IValue& key = entry.key();
      if (!key.isString() && !key.isInt()) {
        fail_unsupported("the network returns a dictionary whose keys are {}", key.tagKind());
      }
      add_tensors(below(key.isString() ? key.toStringRef() : std::to_string(key.toInt())),
                  entry.value(), out);
    }
  } else {
    fail_unsupported("the network returns {}{}, and rung's networks return tensors alone",
                     value.tagKind(), name.empty() ? "" : " as " + quoted(name));
  }
}

}  // namespace

Arguments::Arguments(const c10::FunctionSchema& schema, const TorchScriptOptions& options) {
  for (size_t i = 1; i < schema.arguments().size(); ++i) {  // the first is the module
    parts_.push_back(argument(schema.arguments()[i], options));
  }
  check_names(options);
  if (tensors_.empty()) fail_user("the network takes no tensor");
  if (const auto only = options.shapes.find(""); only != options.shapes.end()) {
    std::vector<std::string> names;
    for (const InputTensor& input : tensors_) names.push_back(input.name);
    only_input(names, only->second);  // throws where it is not the only one
    tensors_[0].shape = only->second;
  }
}

Arguments::Part Arguments::argument(const c10::Argument& argument,
                                    const TorchScriptOptions& options) {
  const std::string& name = argument.name();
  const bool named = mentions(options.shapes, name) || mentions(options.numbers, name);
  if (argument.default_value() && !named) {
    names_.push_back(name);
    const c10::IValue& value = *argument.default_value();
    if (value.isTensor()) constants_.push_back(value.toTensor());
    return {value, {}, {}};
  }
  return part(name, without_optional(*argument.type()), options);
}

Arguments::Part Arguments::part(const std::string& name, const c10::Type& type,
                                const TorchScriptOptions& options) {
  if (const auto* tuple = type.castRaw<c10::TupleType>()) {
    Part out;
    for (size_t i = 0; i < tuple->elements().size(); ++i) {
      out.parts.push_back(part(name + "." + field_name(*tuple, i), *tuple->elements()[i], options));
    }
    return out;
  }
  names_.push_back(name);
  if (!is_tensor(type)) return number(name, type, options);
  if (const auto found = options.numbers.find(name); found != options.numbers.end()) {
    constants_.push_back(to_torch(found->second));
    return {constants_.back(), {}, {}};
  }
  InputTensor input{.name = name};
  if (const auto found = options.shapes.find(name); found != options.shapes.end()) {
    input.shape = found->second;
  }
  tensors_.push_back(std::move(input));
  return {{}, tensors_.size() - 1, {}};
}

Arguments::Part Arguments::number(const std::string& name, const c10::Type& type,
                                  const TorchScriptOptions& options) {
  const bool whole = type.kind() == c10::TypeKind::IntType;
  const bool real = type.kind() == c10::TypeKind::FloatType;
  const bool flag = type.kind() == c10::TypeKind::BoolType;
  if (!whole && !real && !flag) {
    fail_unsupported("the argument {} of the network is {}, and rung's networks take tensors",
                     quoted(name), type.repr_str());
  }
  const auto found = options.numbers.find(name);
  if (found == options.numbers.end()) {
    fail_user(
        "the argument {} of the network is a number ({}) that the network is made for\n"
        "  fix     give its value",
        quoted(name), type.repr_str());
  }
  if (found->second.elements() != 1) {
    fail_user("the argument {} of the network is a number ({}), and a tensor {} is given",
              quoted(name), type.repr_str(), to_string(found->second.shape()));
  }
  const double value = found->second.at(0);
  if (flag) return {value != 0, {}, {}};
  if (real) return {value, {}, {}};
  return {static_cast<int64_t>(value), {}, {}};
}

void Arguments::check_names(const TorchScriptOptions& options) const {
  const auto check = [&](const std::string& name) {
    if (!name.empty() && std::find(names_.begin(), names_.end(), name) == names_.end()) {
      fail_user("there is no input {}; the inputs are {}", quoted(name), join(names_, ", "));
    }
  };
  for (const auto& option : options.shapes) check(option.first);
  for (const auto& option : options.numbers) check(option.first);
}

c10::IValue Arguments::value(const Part& part, const std::vector<at::Tensor>& tensors) {
  if (part.constant) return *part.constant;
  if (part.tensor) return tensors.at(*part.tensor);
  std::vector<c10::IValue> parts;
  for (const Part& inner : part.parts) parts.push_back(value(inner, tensors));
  return c10::ivalue::Tuple::create(std::move(parts));
}

std::vector<c10::IValue> Arguments::values(const std::vector<at::Tensor>& tensors) const {
  std::vector<c10::IValue> out;
  for (const Part& part : parts_) out.push_back(value(part, tensors));
  return out;
}

NamedTensors named_tensors(const c10::IValue& result) {
  NamedTensors out;
  add_tensors("", result, out);
  if (out.tensors.empty()) fail_user("the network has no tensor result");
  for (std::string& name : out.names) {
    const bool place = name.empty() || name.find_first_not_of("0123456789.") == std::string::npos;
    if (place) name = "output" + (out.names.size() == 1 ? "" : name);
  }
  return out;
}

}  // namespace rung::torchscript
