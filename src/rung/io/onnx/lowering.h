#pragma once

#include <onnx/onnx_pb.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "rung/io/onnx/draft.h"
#include "rung/io/onnx/values.h"

namespace rung::onnx_import {

/// Walks a file's nodes in their order and turns each into nodes of a draft: worked out where all
/// that it reads is known, by its operator's rule, or by walking the graph or function within it.
class Lowering {
 public:
  Lowering(const OnnxFile& file, const std::vector<GraphInput>& inputs,
           const std::vector<InputSizes>& sizes, const OnnxOptions& options, OnnxReport& report)
      : file_(file),
        inputs_(inputs),
        input_sizes_(sizes),
        options_(options),
        report_(report),
        draft_(sizes.size()),
        values_(file, draft_) {}

  Model run();

 private:
  using Nodes = google::protobuf::RepeatedPtrField<onnx::NodeProto>;
  using Inputs = std::vector<std::shared_ptr<FileValue>>;

  void bind_inputs(Scope& scope);
  void read_initializers(const onnx::GraphProto& graph, Scope& scope);
  void describe_weight(const std::string& name, FileValue& value) const;
  void lower_nodes(const Nodes& nodes, Scope& scope);
  void lower_node(const onnx::NodeProto& node, Scope& scope);
  bool bind_weight(const onnx::NodeProto& node, Scope& scope);
  void drop_empty_bias(const onnx::NodeProto& node, Inputs& in) const;
  void bind_known(const onnx::NodeProto& node, std::vector<Tensor> numbers, Scope& scope);
  std::vector<Tensor> sizes_as_numbers(const onnx::NodeProto& node,
                                       const ops::OnnxAttributes& attributes, const Inputs& in);
  /// The outputs by size, where numbers are all that the node reads.
  std::optional<std::vector<std::vector<Tensor>>> worked_out(const onnx::NodeProto& node,
                                                             const ops::OnnxAttributes& attributes,
                                                             const Inputs& in);
  bool fold(const onnx::NodeProto& node, const ops::OnnxAttributes& attributes, const Inputs& in,
            Scope& scope);
  void apply_rule(const onnx::NodeProto& node, const ops::OnnxAttributes& attributes,
                  const Inputs& in, Scope& scope);

  bool lower_whole_gather(const onnx::NodeProto& node, const Inputs& in, Scope& scope);

  // control_flow.cpp, flex_attention.cpp, sequences.cpp
  bool lower_sequence(const onnx::NodeProto& node, const Inputs& in, Scope& scope);
  std::shared_ptr<FileValue> concatenated(const onnx::NodeProto& node, const Inputs& parts,
                                          Scope& scope);
  bool lower_control_flow(const onnx::NodeProto& node, const Inputs& in, Scope& scope);
  void branch(const onnx::NodeProto& node, const Inputs& in, Scope& scope);
  void loop(const onnx::NodeProto& node, const Inputs& in, Scope& scope);
  void scan(const onnx::NodeProto& node, const Inputs& in, Scope& scope);
  void flex_attention(const onnx::NodeProto& node, const Inputs& in, Scope& scope);
  bool call_function(const onnx::NodeProto& node, const Inputs& in, Scope& scope);
  Inputs run_body(const onnx::GraphProto& body, const Inputs& in, Scope& scope);
  bool truth(FileValue& value, std::string_view what);
  std::shared_ptr<FileValue> stacked(const Inputs& parts, int64_t axis, bool backward);

  const OnnxFile& file_;
  const std::vector<GraphInput>& inputs_;
  const std::vector<InputSizes>& input_sizes_;
  const OnnxOptions& options_;
  OnnxReport& report_;
  Draft draft_;
  FileValues values_;
  std::unordered_set<std::string> layer_weights_;  ///< of the file's graph
  std::unordered_map<std::string, std::string> turned_weights_;
  /// Within a loop that carries a sequence, as PyTorch 2.6 writes as_strided: its numbers are
  /// worked out though their count follows a size, since what they index may need none of them.
  bool numbers_alone_ = false;
  size_t walked_ = 0;  ///< nodes, those of loops and functions each time
};

/// Whether one of these is a sequence of tensors.
bool holds_sequence(const std::vector<std::shared_ptr<FileValue>>& values);
/// Whether it makes or takes sequences of tensors, which exist while a file is read.
bool is_sequence_operator(std::string_view op);

/// A node's attribute that is a graph, or null.
const onnx::GraphProto* graph_attribute(const onnx::NodeProto& node, std::string_view name);

}  // namespace rung::onnx_import
