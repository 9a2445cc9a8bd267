#include "rung/io/onnx/digest.h"

#include <fmt/format.h>

#include <cstring>
#include <string_view>

namespace rung {
namespace {

/// FNV-1a over lengths and bytes, so that no two lists run into each other.
class Hash {
 public:
  void add(std::string_view bytes) {
    add(static_cast<uint64_t>(bytes.size()));
    for (const char c : bytes) mix(static_cast<unsigned char>(c));
  }
  void add(uint64_t number) {
    for (int i = 0; i < 8; ++i) mix(static_cast<unsigned char>(number >> (8 * i)));
  }
  template <typename T>
  void add_all(const T& numbers) {
    add(static_cast<uint64_t>(numbers.size()));
    for (const auto number : numbers) {
      uint64_t bits = 0;
      std::memcpy(&bits, &number, sizeof number);
      add(bits);
    }
  }
  uint64_t value() const { return value_; }

 private:
  void mix(unsigned char byte) { value_ = (value_ ^ byte) * 0x100000001b3ULL; }
  uint64_t value_ = 0xcbf29ce484222325ULL;
};

void add_type(Hash& hash, const onnx::TensorProto& tensor) {
  hash.add(tensor.name());
  hash.add(static_cast<uint64_t>(tensor.data_type()));
  hash.add_all(tensor.dims());
}

void add_numbers(Hash& hash, const onnx::TensorProto& tensor, std::string_view raw) {
  hash.add(raw);
  hash.add_all(tensor.float_data());
  hash.add_all(tensor.int64_data());
  hash.add_all(tensor.int32_data());
}

void add(Hash& hash, const onnx::AttributeProto& attribute) {
  hash.add(attribute.name());
  hash.add(static_cast<uint64_t>(attribute.type()));
  hash.add_all(attribute.ints());
  hash.add_all(attribute.floats());
  hash.add(static_cast<uint64_t>(attribute.i()));
  const float f = attribute.f();
  hash.add_all(std::string_view(reinterpret_cast<const char*>(&f), sizeof f));
  hash.add(attribute.s());
  for (const auto& text : attribute.strings()) hash.add(text);
  if (!attribute.has_t()) return;
  add_type(hash, attribute.t());
  add_numbers(hash, attribute.t(), attribute.t().raw_data());
}

void add(Hash& hash, const onnx::ValueInfoProto& value) {
  hash.add(value.name());
  const auto& tensor = value.type().tensor_type();
  hash.add(static_cast<uint64_t>(tensor.elem_type()));
  hash.add(static_cast<uint64_t>(tensor.shape().dim_size()));
  for (const auto& dim : tensor.shape().dim()) {
    hash.add(static_cast<uint64_t>(dim.dim_value()));
    hash.add(dim.dim_param());
  }
}

}  // namespace

std::string onnx_digest(const onnx::GraphProto& graph, const OnnxFile* file) {
  Hash hash;
  hash.add(static_cast<uint64_t>(graph.node_size()));
  for (const auto& node : graph.node()) {
    hash.add(node.op_type());
    hash.add(node.domain());
    hash.add(static_cast<uint64_t>(node.input_size()));
    for (const auto& name : node.input()) hash.add(name);
    hash.add(static_cast<uint64_t>(node.output_size()));
    for (const auto& name : node.output()) hash.add(name);
    hash.add(static_cast<uint64_t>(node.attribute_size()));
    for (const auto& attribute : node.attribute()) add(hash, attribute);
  }
  for (const auto& tensor : graph.initializer()) {
    add_type(hash, tensor);
    if (!tensor.name().starts_with(onnx_metadata::kConstant)) continue;
    if (file == nullptr || !file->is_cut(tensor)) {
      add_numbers(hash, tensor, tensor.raw_data());
      continue;
    }
    const Tensor numbers = file->tensor(tensor);
    add_numbers(
        hash, tensor,
        {reinterpret_cast<const char*>(numbers.data()), static_cast<size_t>(numbers.bytes())});
  }
  for (const auto& value : graph.input()) add(hash, value);
  for (const auto& value : graph.output()) add(hash, value);
  return fmt::format("{:016x}", hash.value());
}

}  // namespace rung
