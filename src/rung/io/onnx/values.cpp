#include "rung/io/onnx/values.h"

#include <algorithm>

#include "rung/base/text.h"
#include "rung/io/onnx/names.h"
#include "rung/io/onnx/turned_weights.h"

namespace rung::onnx_import {

using ops::Dims;
using ops::Ref;

void Scope::bind(const std::string& name, std::shared_ptr<FileValue> value) {
  if (name.empty()) return;
  if (!values.emplace(name, std::move(value)).second) {
    fail_user("two tensors of the file are called {}", quoted(name));
  }
}

int64_t default_opset(const google::protobuf::RepeatedPtrField<onnx::OperatorSetIdProto>& list) {
  int64_t opset = 1;
  for (const auto& entry : list) {
    if (entry.domain().empty() || entry.domain() == "ai.onnx") opset = entry.version();
  }
  return opset;
}

const std::vector<Tensor>& FileValues::known(FileValue& value) const {
  if (value.known.empty() && value.initializer != nullptr) {
    value.known.assign(draft_.sizes(), file_.tensor(*value.initializer));
  }
  if (value.known.empty() && value.arranged) value.known = value.arranged();
  return value.known;
}

bool FileValues::foldable(const FileValue& value) const {
  if (value.arranged) return false;
  if (value.initializer == nullptr) return !value.known.empty();
  const auto& sizes = value.initializer->dims();
  const bool single = !value.of_layer && std::all_of(sizes.begin(), sizes.end(),
                                                     [](int64_t size) { return size == 1; });
  const auto dtype = ops::dtype_from_onnx(value.initializer->data_type());
  return single || (dtype && (!is_floating(*dtype) || is_float8(*dtype)));
}

Ref FileValues::ref(FileValue& value, bool buffer) const {
  if (value.ref) return *value.ref;
  if (value.sequence) fail_unsupported("a sequence of tensors as a result");
  const auto& numbers = known(value);
  if (numbers.empty()) fail_bug("a tensor of the file was not lowered");
  if (value.initializer != nullptr && !foldable(value)) {
    const bool copied = !value.copied_as.empty();
    const std::string& own = copied ? value.copied_as : value.initializer->name();
    const std::string suffix = numbers[0].shape().size() > 1 ? "weight" : "bias";
    const bool made_up = is_made_up(own) || own.find("Constant") != std::string::npos;
    value.ref = draft_.weight(copied ? numbers[0].clone() : numbers[0],
                              made_up ? "" : plain_name(own), suffix, buffer);
    return *value.ref;
  }
  const bool same = std::all_of(numbers.begin(), numbers.end(),
                                [&](const Tensor& t) { return t.identical(numbers[0]); });
  if (same) {
    value.ref = draft_.constant(numbers[0]);
    return *value.ref;
  }
  draft_.check_same("a tensor of sizes", [&](size_t k) {
    return numbers[k].shape() != numbers[0].shape() || numbers[0].shape().size() > 1 ||
           is_floating(numbers[0].dtype());
  });
  Dims dims(static_cast<size_t>(numbers[0].elements()));
  for (const Tensor& t : numbers) {
    for (size_t i = 0; i < dims.size(); ++i) {
      dims[i].seen.push_back(static_cast<int64_t>(t.at(static_cast<int64_t>(i))));
    }
  }
  value.ref =
      draft_.numbers(dims, numbers[0].shape().empty(), numbers[0].dtype(), {}, "a tensor of sizes");
  return *value.ref;
}

std::optional<Ref> FileValues::turned_ref(FileValue& value) const {
  if (value.turned_from.empty() || value.ref) return std::nullopt;
  if (value.turned) return value.turned;
  const auto dtype = ops::dtype_from_onnx(value.initializer->data_type());
  if (!dtype || !is_floating(*dtype)) return std::nullopt;
  value.turned = draft_.weight(turned(file_, *value.initializer), plain_name(value.turned_from),
                               "weight", false);
  return value.turned;
}

}  // namespace rung::onnx_import
