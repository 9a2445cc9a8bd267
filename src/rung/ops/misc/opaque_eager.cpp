#include "rung/ops/misc/opaque_eager.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>

#include "rung/base/error.h"
#include "rung/ops/eager.h"

namespace rung::ops {
namespace {

using Json = nlohmann::json;

constexpr const char* kTraining = "training";

template <typename T>
c10::IValue list_value(const Json& values) {
  c10::List<T> list;
  for (const auto& value : values) list.push_back(value.get<T>());
  return list;
}

/// The tensors of {"inputs": [0, null, 2]} as the kind of list that the schema asks for.
c10::IValue tensor_list(const Json& places, const Tensors& in, const c10::Type& type) {
  const bool optional =
      type.castRaw<c10::ListType>() != nullptr &&
      type.castRaw<c10::ListType>()->getElementType()->kind() == c10::TypeKind::OptionalType;
  c10::List<at::Tensor> tensors;
  c10::List<c10::optional<at::Tensor>> optionals;
  for (const auto& place : places) {
    if (optional) {
      optionals.push_back(place.is_null() ? c10::optional<at::Tensor>()
                                          : in.at(place.get<size_t>()));
    } else {
      tensors.push_back(in.at(place.get<size_t>()));
    }
  }
  return optional ? c10::IValue(optionals) : c10::IValue(tensors);
}

/// The operator that a schema such as "aten::grid_sampler(Tensor input, …) -> Tensor" names.
c10::OperatorHandle find_operator(const std::string& schema) {
  const std::string full = schema.substr(0, schema.find('('));
  const size_t dot = full.find('.', full.find("::"));
  const std::string name = full.substr(0, dot);
  const std::string overload = dot == std::string::npos ? "" : full.substr(dot + 1);
  const auto handle = c10::Dispatcher::singleton().findSchema({name, overload});
  if (!handle) fail_unsupported("this LibTorch has no operator '{}'", full);
  if (!full.starts_with("aten::") || handle->schema().is_mutable()) {
    fail_unsupported(
        "operator '{}' cannot be a node: only aten operators that leave their "
        "inputs as they are can",
        full);
  }
  return *handle;
}

torch::jit::Stack arguments(const Opaque& op, const c10::FunctionSchema& schema, const Tensors& in,
                            bool training) {
  const Json list = Json::parse(op.arguments);
  if (!list.is_array() || list.size() != schema.arguments().size()) {
    fail_user("operator '{}' takes {} arguments", schema.name(), schema.arguments().size());
  }
  torch::jit::Stack stack;
  for (size_t i = 0; i < list.size(); ++i) {
    const Json& entry = list[i];
    if (entry.contains("input")) {
      stack.emplace_back(in.at(entry["input"].get<size_t>()));
    } else if (entry.contains("inputs")) {
      stack.push_back(tensor_list(entry["inputs"], in, *schema.arguments()[i].type()));
    } else if (entry.value("kind", "") == "device" && !in.empty()) {
      stack.emplace_back(in[0].device());  // where the graph runs now, not where it was traced
    } else if (entry.value("kind", "") == kTraining) {
      stack.emplace_back(training);
    } else {
      stack.push_back(opaque_value(entry));
    }
  }
  return stack;
}

}  // namespace

Json opaque_argument(const c10::IValue& value, std::string_view name) {
  const bool mode = name == "train" || name == "training" || name == "use_input_stats";
  if (mode && value.isBool() && !value.toBool()) return {{"kind", kTraining}};
  const auto entry = [](const char* kind, Json json) {
    return Json{{"kind", kind}, {"value", std::move(json)}};
  };
  if (value.isNone()) return entry("none", nullptr);
  if (value.isBool()) return entry("bool", value.toBool());
  if (value.isInt()) return entry("int", value.toInt());
  if (value.isDouble()) return entry("float", value.toDouble());
  if (value.isString()) return entry("string", value.toStringRef());
  if (value.isDevice()) return entry("device", value.toDevice().str());
  if (value.isBoolList()) {
    const auto list = value.toBoolList();
    return entry("bool[]", std::vector<bool>(list.begin(), list.end()));
  }
  if (value.isIntList()) return entry("int[]", value.toIntVector());
  if (value.isDoubleList()) return entry("float[]", value.toDoubleVector());
  fail_unsupported("an operator's argument of type {} cannot be kept", value.tagKind());
}

c10::IValue opaque_value(const Json& argument) {
  try {
    const auto kind = argument.at("kind").get<std::string>();
    const Json& value = argument.at("value");
    if (kind == "none") return {};
    if (kind == "bool") return value.get<bool>();
    if (kind == "int") return value.get<int64_t>();
    if (kind == "float") return value.get<double>();
    if (kind == "string") return value.get<std::string>();
    if (kind == "device") return at::Device(value.get<std::string>());
    if (kind == "bool[]") return list_value<bool>(value);
    if (kind == "int[]") return list_value<int64_t>(value);
    if (kind == "float[]") return list_value<double>(value);
  } catch (const Json::exception& error) {
    fail_user("an operator's argument cannot be read: {}", error.what());
  }
  fail_user("an operator's argument cannot be read: {}", argument.dump());
}

Tensors run(const Opaque& op, const Tensors& in, const RunContext& context) {
  const auto handle = find_operator(op.schema);
  torch::jit::Stack stack = arguments(op, handle.schema(), in, context.training);
  handle.callBoxed(stack);
  Tensors out;
  for (const auto& result : stack) {
    if (result.isTensor()) {
      out.push_back(result.toTensor());
    } else if (result.isTensorList()) {
      for (const at::Tensor& tensor : result.toTensorVector()) out.push_back(tensor);
    } else {
      fail_unsupported("operator '{}' gives something other than tensors", op.schema);
    }
  }
  return out;
}

}  // namespace rung::ops
