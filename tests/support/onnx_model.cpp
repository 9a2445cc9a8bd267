#include "support/onnx_model.h"

#include <fstream>

namespace rung::testing {

OnnxModel::OnnxModel() : graph(*proto.mutable_graph()) {
  proto.set_ir_version(8);
  proto.add_opset_import()->set_version(17);
  graph.set_name("net");
}

void OnnxModel::input(const std::string& name, const std::vector<int64_t>& shape) {
  auto* value = graph.add_input();
  value->set_name(name);
  auto* type = value->mutable_type()->mutable_tensor_type();
  type->set_elem_type(onnx::TensorProto::FLOAT);
  type->mutable_shape();
  for (const int64_t size : shape) {
    auto* dim = type->mutable_shape()->add_dim();
    if (size >= 0) dim->set_dim_value(size);
  }
}

void OnnxModel::output(const std::string& name) { graph.add_output()->set_name(name); }

void OnnxModel::floats(const std::string& name, const std::vector<int64_t>& shape, float value) {
  auto* tensor = graph.add_initializer();
  tensor->set_name(name);
  tensor->set_data_type(onnx::TensorProto::FLOAT);
  size_t elements = 1;
  for (const int64_t size : shape) {
    tensor->add_dims(size);
    elements *= static_cast<size_t>(size);
  }
  const std::vector<float> values(elements, value);
  tensor->set_raw_data(values.data(), elements * sizeof(float));
}

void OnnxModel::integers(const std::string& name, const std::vector<int64_t>& values) {
  auto* tensor = graph.add_initializer();
  tensor->set_name(name);
  tensor->set_data_type(onnx::TensorProto::INT64);
  tensor->add_dims(static_cast<int64_t>(values.size()));
  for (const int64_t value : values) tensor->add_int64_data(value);
}

void OnnxModel::number(const std::string& name, int64_t value) {
  integers(name, {value});
  graph.mutable_initializer(graph.initializer_size() - 1)->clear_dims();
}

onnx::NodeProto& OnnxModel::node(const std::string& op, const std::vector<std::string>& inputs,
                                 const std::vector<std::string>& outputs) {
  return add_node(*graph.mutable_node(), op, inputs, outputs);
}

void OnnxModel::save(const std::filesystem::path& path) const {
  std::ofstream(path, std::ios::binary) << proto.SerializeAsString();
}

onnx::NodeProto& add_node(google::protobuf::RepeatedPtrField<onnx::NodeProto>& nodes,
                          const std::string& op, const std::vector<std::string>& inputs,
                          const std::vector<std::string>& outputs) {
  auto* node = nodes.Add();
  node->set_op_type(op);
  node->set_name(op + "_" + std::to_string(nodes.size() - 1));
  for (const auto& name : inputs) node->add_input(name);
  for (const auto& name : outputs) node->add_output(name);
  return *node;
}

void set(onnx::NodeProto& node, const std::string& attribute, int64_t value) {
  auto* a = node.add_attribute();
  a->set_name(attribute);
  a->set_type(onnx::AttributeProto::INT);
  a->set_i(value);
}

void set(onnx::NodeProto& node, const std::string& attribute, const std::vector<int64_t>& values) {
  auto* a = node.add_attribute();
  a->set_name(attribute);
  a->set_type(onnx::AttributeProto::INTS);
  for (const int64_t value : values) a->add_ints(value);
}

onnx::GraphProto& add_graph(onnx::NodeProto& node, const std::string& attribute) {
  auto* a = node.add_attribute();
  a->set_name(attribute);
  a->set_type(onnx::AttributeProto::GRAPH);
  return *a->mutable_g();
}

}  // namespace rung::testing
