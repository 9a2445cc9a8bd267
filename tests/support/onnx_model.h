#pragma once

#include <onnx/onnx_pb.h>

#include <filesystem>
#include <string>
#include <vector>

namespace rung::testing {

/// An ONNX model, written down briefly. Everything in it may be changed afterwards.
class OnnxModel {
 public:
  OnnxModel();

  /// A size below 0 is free.
  void input(const std::string& name, const std::vector<int64_t>& shape);
  void output(const std::string& name);
  void floats(const std::string& name, const std::vector<int64_t>& shape, float value = 0.1F);
  void integers(const std::string& name, const std::vector<int64_t>& values);
  void number(const std::string& name, int64_t value);  ///< i64, []

  onnx::NodeProto& node(const std::string& op, const std::vector<std::string>& inputs,
                        const std::vector<std::string>& outputs);
  void save(const std::filesystem::path& path) const;

  onnx::ModelProto proto;
  onnx::GraphProto& graph;
};

/// Adds a node to the nodes of a graph or a function.
onnx::NodeProto& add_node(google::protobuf::RepeatedPtrField<onnx::NodeProto>& nodes,
                          const std::string& op, const std::vector<std::string>& inputs,
                          const std::vector<std::string>& outputs);
void set(onnx::NodeProto& node, const std::string& attribute, int64_t value);
void set(onnx::NodeProto& node, const std::string& attribute, const std::vector<int64_t>& values);
/// An attribute that is a graph.
onnx::GraphProto& add_graph(onnx::NodeProto& node, const std::string& attribute);

}  // namespace rung::testing
