#include "rung/ops/onnx.h"

#include <array>
#include <nlohmann/json.hpp>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/tensor/float8.h"

namespace rung::ops {
namespace {

struct OnnxType {
  DType dtype;
  int64_t number;
};
constexpr std::array<OnnxType, kDTypes.size()> kTypes = {{{DType::kF32, 1},
                                                          {DType::kU8, 2},
                                                          {DType::kI8, 3},
                                                          {DType::kU16, 4},
                                                          {DType::kI16, 5},
                                                          {DType::kI32, 6},
                                                          {DType::kI64, 7},
                                                          {DType::kBool, 9},
                                                          {DType::kF16, 10},
                                                          {DType::kF64, 11},
                                                          {DType::kU32, 12},
                                                          {DType::kU64, 13},
                                                          {DType::kBF16, 16},
                                                          {DType::kF8E4M3, 17},
                                                          {DType::kF8E4M3Fnuz, 18},
                                                          {DType::kF8E5M2, 19},
                                                          {DType::kF8E5M2Fnuz, 20}}};

}  // namespace

std::optional<DType> dtype_from_onnx(int64_t type) {
  for (const auto& entry : kTypes) {
    if (entry.number == type) return entry.dtype;
  }
  return std::nullopt;
}

int64_t dtype_to_onnx(DType dtype) {
  for (const auto& entry : kTypes) {
    if (entry.dtype == dtype) return entry.number;
  }
  fail_bug("{} has no number in ONNX", name(dtype));
}

Sizes OnnxCall::integers(size_t i) const {
  const Tensor tensor = constant(i);
  Sizes out;
  for (int64_t k = 0; k < tensor.elements(); ++k) out.push_back(tensor.integer(k));
  return out;
}

std::vector<double> OnnxCall::numbers(size_t i) const {
  const Tensor tensor = constant(i);
  std::vector<double> out;
  for (int64_t k = 0; k < tensor.elements(); ++k) out.push_back(tensor.at(k));
  return out;
}

double OnnxCall::number(size_t i) const {
  const auto list = numbers(i);
  if (list.size() != 1) fail_user("input {} is {} numbers, and one is needed", i, list.size());
  return list[0];
}

int64_t OnnxCall::integer(size_t i) const {
  const auto list = integers(i);
  if (list.size() != 1) fail_user("input {} is {} numbers, and one is needed", i, list.size());
  return list[0];
}

template <typename T>
const T* OnnxCall::attribute(std::string_view name) const {
  const auto found = attributes_->find(name);
  if (found == attributes_->end()) return nullptr;
  const T* value = std::get_if<T>(&found->second);
  if (value == nullptr) fail_user("attribute {} is of another type than ONNX says", quoted(name));
  return value;
}

namespace {
template <typename T>
T given_or(const T* value, std::optional<T> fallback, std::string_view name) {
  if (value != nullptr) return *value;
  if (!fallback) fail_user("attribute {} is missing", quoted(name));
  return *fallback;
}
}  // namespace

int64_t OnnxCall::integer(std::string_view name, std::optional<int64_t> fallback) const {
  return given_or(attribute<int64_t>(name), fallback, name);
}
double OnnxCall::number(std::string_view name, std::optional<double> fallback) const {
  return given_or(attribute<double>(name), fallback, name);
}
Sizes OnnxCall::integers(std::string_view name, Sizes fallback) const {
  return given_or(attribute<Sizes>(name), std::optional(std::move(fallback)), name);
}
std::vector<double> OnnxCall::numbers(std::string_view name, std::vector<double> fallback) const {
  return given_or(attribute<std::vector<double>>(name), std::optional(std::move(fallback)), name);
}
std::string OnnxCall::text(std::string_view name, std::string fallback) const {
  return given_or(attribute<std::string>(name), std::optional(std::move(fallback)), name);
}
std::vector<std::string> OnnxCall::texts(std::string_view name) const {
  const auto* value = attribute<std::vector<std::string>>(name);
  return value == nullptr ? std::vector<std::string>() : *value;
}
const Tensor* OnnxCall::tensor_attribute(std::string_view name) const {
  return attribute<Tensor>(name);
}

Sizes OnnxCall::integers(size_t i, std::string_view attribute) const {
  return given(i) ? integers(i) : integers(attribute);
}

OnnxRule find_onnx_rule(std::string_view name) {
  for (const OnnxRules rules :
       {activation_onnx(), attention_onnx(), conv_onnx(), elementwise_onnx(), embedding_onnx(),
        layout_onnx(), linear_onnx(), misc_onnx(), norm_onnx(), pool_onnx(), recurrent_onnx(),
        quantize_onnx(), reduce_onnx(), resize_onnx(), signal_onnx()}) {
    for (const auto& entry : rules) {
      if (entry.name == name) return entry.rule;
    }
  }
  return nullptr;
}

Aten& Aten::argument(const char* kind, std::string json) {
  op_.arguments += op_.arguments.empty() ? "[" : ",";
  op_.arguments += fmt::format(R"({{"kind":"{}","value":{}}})", kind, json);
  return *this;
}
Aten& Aten::input(Ref x) {
  op_.arguments += op_.arguments.empty() ? "[" : ",";
  op_.arguments += fmt::format(R"({{"input":{}}})", in_.size());
  in_.push_back(x);
  return *this;
}
Aten& Aten::inputs(const std::vector<Ref>& list) {
  nlohmann::json places = nlohmann::json::array();
  for (const Ref x : list) {
    places.push_back(in_.size());
    in_.push_back(x);
  }
  op_.arguments += op_.arguments.empty() ? "[" : ",";
  op_.arguments += nlohmann::json{{"inputs", places}}.dump();
  return *this;
}
Aten& Aten::none() { return argument("none", "null"); }
Aten& Aten::flag(bool value) { return argument("bool", value ? "true" : "false"); }
Aten& Aten::integer(int64_t value) { return argument("int", std::to_string(value)); }
Aten& Aten::integers(const Sizes& value) { return argument("int[]", nlohmann::json(value).dump()); }
Aten& Aten::number(double value) { return argument("float", nlohmann::json(value).dump()); }
Aten& Aten::text(const std::string& value) {
  return argument("string", nlohmann::json(value).dump());
}

Ref Aten::like(size_t k) { return like(k, call_.type(in_.at(k)).dtype); }
Ref Aten::like(size_t k, DType dtype) {
  TensorType type = call_.type(in_.at(k));
  type.dtype = dtype;
  op_.like = static_cast<int64_t>(k);
  return give({type})[0];
}
std::vector<Ref> Aten::both_like() {
  TensorType values = call_.type(in_.at(0)), places = values;
  places.dtype = DType::kI64;
  op_.like = 0;
  return give({values, places});
}
std::vector<Ref> Aten::give(std::vector<TensorType> types) {
  op_.arguments += "]";
  op_.types = std::move(types);
  return call_.add_all(op_, in_);
}

Ref converted(OnnxCall& call, Ref x, DType dtype) {
  const DType from = call.type(x).dtype;
  if (is_float8(dtype) && from != dtype && call.integer("saturate", 1) != 0) {
    const DType wide = is_floating(from) && size_of(from) > 1 ? from : DType::kF32;
    const double most = largest_float8(dtype);
    x = call.add(Clamp{.low = -most, .high = most}, {call.cast(x, wide)});
  }
  return call.cast(x, dtype);
}

Ref flipped(ImportCall& call, Ref x, int64_t axis) {
  return Aten(call, "aten::flip(Tensor self, int[] dims) -> Tensor")
      .input(x)
      .integers({axis})
      .like();
}

Ref taken_along(ImportCall& call, Ref x, int64_t axis, Ref index) {
  return Aten(call,
              "aten::gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> "
              "Tensor")
      .input(x)
      .integer(axis)
      .input(index)
      .flag(false)
      .like(1, call.type(x).dtype);
}

}  // namespace rung::ops
