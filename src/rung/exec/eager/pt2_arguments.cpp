#include "rung/exec/eager/pt2_arguments.h"

#include <ATen/ATen.h>

#include <limits>
#include <set>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/exec/eager/pt2_json.h"

namespace rung::pt2 {
namespace {

using nlohmann::json;

std::string name_in(const json& argument, const std::string& what) {
  return text(argument, "name", what);
}

/// {"as_name": "s0"} or {"as_int": 3}, and the same for other numbers.
c10::IValue symbol(const json& value, const Values& values, const std::string& what) {
  const auto [tag, inner] = member(value, what);
  if (tag == "as_name" && inner->is_string()) {
    return look_up(values, inner->get<std::string>(), what);
  }
  return value_of(value, values, what);
}

double real(const json& value, const std::string& what) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (value.is_number()) return value.get<double>();
  if (value == "Infinity") return kInfinity;
  if (value == "-Infinity") return -kInfinity;
  if (value == "NaN") return std::numeric_limits<double>::quiet_NaN();
  fail_user("{}: a number is {}", what, value.type_name());
}

template <typename T>
T plain(const json& value, const std::string& what) {
  const bool fits = std::is_same_v<T, bool> ? value.is_boolean() : value.is_string();
  if (!fits) fail_user("{} is {}", what, value.type_name());
  return value.get<T>();
}

/// A list whose elements are made by `make`.
template <typename T, typename Make>
c10::IValue list_of(const json& value, const std::string& what, const Make& make) {
  if (!value.is_array()) fail_user("{}: a list is {}", what, value.type_name());
  c10::List<T> out;
  for (const auto& element : value) out.push_back(make(element));
  return out;
}

at::Tensor tensor_named(const json& argument, const Values& values, const std::string& what) {
  const std::string name = name_in(argument, what);
  const c10::IValue& value = look_up(values, name, what);
  if (!value.isTensor()) fail_user("{}: {} is no tensor", what, quoted(name));
  return value.toTensor();
}

/// PyTorch's numbers for memory formats: contiguous, channels last, in 3-d, preserved.
int64_t memory_format(const json& value, const std::string& what) {
  switch (whole(value, what)) {
    case 1:
      return static_cast<int64_t>(at::MemoryFormat::Contiguous);
    case 2:
      return static_cast<int64_t>(at::MemoryFormat::ChannelsLast);
    case 3:
      return static_cast<int64_t>(at::MemoryFormat::ChannelsLast3d);
    case 4:
      return static_cast<int64_t>(at::MemoryFormat::Preserve);
    default:
      fail_user("{}: there is no memory format {}", what, whole(value, what));
  }
}

int64_t layout(const json& value, const std::string& what) {
  if (whole(value, what) != 7) fail_unsupported("{} is of a layout that is not dense", what);
  return static_cast<int64_t>(at::kStrided);
}

/// The same for a list.
std::optional<c10::IValue> list_value(const std::string& tag, const json& value,
                                      const Values& values, const std::string& what) {
  if (tag == "as_tensors") {
    return list_of<at::Tensor>(value, what,
                               [&](const json& x) { return tensor_named(x, values, what); });
  }
  if (tag == "as_optional_tensors") {
    return list_of<c10::optional<at::Tensor>>(value, what, [&](const json& x) {
      const auto [kind, inner] = member(x, what);
      return kind == "as_tensor" ? c10::make_optional(tensor_named(*inner, values, what))
                                 : c10::optional<at::Tensor>();
    });
  }
  if (tag == "as_ints") {
    return list_of<int64_t>(value, what, [&](const json& x) { return whole(x, what); });
  }
  if (tag == "as_sym_ints") {
    return list_of<int64_t>(value, what,
                            [&](const json& x) { return symbol(x, values, what).toInt(); });
  }
  if (tag == "as_floats") {
    return list_of<double>(value, what, [&](const json& x) { return real(x, what); });
  }
  if (tag == "as_bools") {
    return list_of<bool>(value, what, [&](const json& x) { return plain<bool>(x, what); });
  }
  if (tag == "as_strings") {
    return list_of<std::string>(value, what,
                                [&](const json& x) { return plain<std::string>(x, what); });
  }
  return std::nullopt;
}

/// A value as the operator's type has it, where that is another way to say the same.
c10::IValue fitted(c10::IValue value, const c10::Argument& argument) {
  const c10::Type* type = argument.type().get();
  if (const auto* optional = type->castRaw<c10::OptionalType>()) {
    type = optional->getElementType().get();
  }
  if (type->kind() == c10::TypeKind::FloatType && value.isInt()) {
    return static_cast<double>(value.toInt());
  }
  const auto* list = type->castRaw<c10::ListType>();
  if (list == nullptr) return value;
  const auto element = list->getElementType()->kind();
  if (value.isInt() && element == c10::TypeKind::IntType) {
    return c10::List<int64_t>(
        std::vector<int64_t>(static_cast<size_t>(argument.N().value_or(1)), value.toInt()));
  }
  if (value.isTensorList() && element == c10::TypeKind::OptionalType) {
    c10::List<c10::optional<at::Tensor>> out;
    for (const at::Tensor& tensor : value.toTensorVector()) out.push_back(tensor);
    return out;
  }
  if (value.isList() && value.toListRef().empty()) {  // of whatever type it was said to be
    if (element == c10::TypeKind::TensorType) return c10::List<at::Tensor>();
    if (element == c10::TypeKind::IntType) return c10::List<int64_t>();
    if (element == c10::TypeKind::FloatType) return c10::List<double>();
  }
  return value;
}

/// Layers that training changes are told that it is evaluation.
bool says_training(const std::string& name) {
  return name == "train" || name == "training" || name == "use_input_stats";
}

}  // namespace

const c10::IValue& look_up(const Values& values, const std::string& name, const std::string& what) {
  const auto found = values.find(name);
  if (found == values.end()) fail_user("{} uses {}, which nothing gives", what, quoted(name));
  return found->second;
}

c10::IValue value_of(const json& argument, const Values& values, const std::string& what) {
  const auto [tag, value] = member(argument, what);
  if (tag == "as_none") return {};
  if (tag == "as_tensor") return tensor_named(*value, values, what);
  if (tag == "as_int") return whole(*value, what);
  if (tag == "as_float") return real(*value, what);
  if (tag == "as_bool") return plain<bool>(*value, what);
  if (tag == "as_string") return plain<std::string>(*value, what);
  if (tag == "as_sym_int" || tag == "as_sym_float" || tag == "as_sym_bool") {
    return symbol(*value, values, what);
  }
  if (tag == "as_scalar_type") return static_cast<int64_t>(scalar_type(*value, what));
  if (tag == "as_memory_format") return memory_format(*value, what);
  if (tag == "as_layout") return layout(*value, what);
  if (tag == "as_device") return c10::Device(at::kCPU);  // wherever it was written
  if (auto list = list_value(tag, *value, values, what)) return *list;
  fail_unsupported("{} is {}, which rung cannot take", what, quoted(tag));
}

std::vector<c10::IValue> arguments_of(const json& node, const c10::FunctionSchema& schema,
                                      const Values& values, const std::string& what) {
  const auto& expected = schema.arguments();
  std::vector<std::optional<c10::IValue>> found(expected.size());
  size_t place = 0;
  for (const auto& input : field(node, "inputs", what)) {
    const std::string name = is_set(input, "name") ? text(input, "name", what) : "";
    const size_t i = name.empty() ? place : [&] {
      for (size_t k = 0; k < expected.size(); ++k) {
        if (expected[k].name() == name) return k;
      }
      fail_user("{} does not take an argument {} in this LibTorch", what, quoted(name));
    }();
    if (i >= expected.size()) fail_user("{} has too many arguments", what);
    const std::string own = fmt::format("{}: argument {}", what, quoted(expected[i].name()));
    found[i] = fitted(value_of(field(input, "arg", what), values, own), expected[i]);
    if (says_training(expected[i].name())) found[i] = false;
    const auto type = found[i]->type();
    if (!type->isSubtypeOf(*expected[i].type())) {
      fail_user("{} is {}, and the operator takes {}", own, type->repr_str(),
                expected[i].type()->repr_str());
    }
    ++place;
  }
  std::vector<c10::IValue> out;
  for (size_t i = 0; i < expected.size(); ++i) {
    if (!found[i] && !expected[i].default_value()) {
      fail_user("{} lacks its argument {}", what, quoted(expected[i].name()));
    }
    out.push_back(found[i] ? *found[i] : *expected[i].default_value());
  }
  return out;
}

}  // namespace rung::pt2
