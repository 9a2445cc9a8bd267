#pragma once

#include <onnx/onnx_pb.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "rung/io/onnx/draft.h"

namespace rung::onnx_import {

/// A tensor of the file, as far as the import has got.
struct FileValue {
  std::optional<ops::Ref> ref;                     ///< in the draft
  std::vector<Tensor> known;                       ///< its numbers at every size, or empty
  const onnx::TensorProto* initializer = nullptr;  ///< a weight that nobody has needed yet
  /// What an Identity calls a weight: one of its own with the same numbers. (PyTorch's exporter
  /// writes weights with equal numbers once, and what trains apart must not stay equal.)
  std::string copied_as = {};
  /// Of a sequence, its tensors.
  std::optional<std::vector<std::shared_ptr<FileValue>>> sequence = {};
  bool of_constant = false;  ///< a weight in a Constant node
  bool of_layer = false;     ///< a layer's weight, though it may be a single number
  /// What PyTorch calls the weight of which this is the transpose; empty: it is none.
  std::string turned_from = {};
  std::optional<ops::Ref> turned = {};  ///< that weight in the draft
  /// Numbers of weights that nodes have only arranged: in the draft by `ref`, so that training
  /// moves them, and as numbers for an operator that wants to know its weights.
  std::function<std::vector<Tensor>()> arranged = nullptr;
};

/// Attributes that a function's caller gives.
using Arguments = std::map<std::string, onnx::AttributeProto>;

/// What a graph, branch or function may use. A value that two of them know is one value, so that a
/// weight becomes one node.
struct Scope {
  std::unordered_map<std::string, std::shared_ptr<FileValue>> values;
  Scope* outer = nullptr;
  const Arguments* arguments = nullptr;  ///< within a function
  int64_t opset = 1;
  size_t depth = 0;  ///< bodies and functions around it

  std::shared_ptr<FileValue> find(const std::string& name) const {
    const auto found = values.find(name);
    if (found != values.end()) return found->second;
    return outer == nullptr ? nullptr : outer->find(name);
  }
  /// Names a value, once; an empty name names nothing.
  void bind(const std::string& name, std::shared_ptr<FileValue> value);
  void bind(const std::string& name, FileValue value) {
    bind(name, std::make_shared<FileValue>(std::move(value)));
  }
};

/// The version of ONNX's own operators; 1 where the list does not say.
int64_t default_opset(const google::protobuf::RepeatedPtrField<onnx::OperatorSetIdProto>& list);

/// The file's tensors: as numbers where they are known, as nodes of the draft where they are
/// needed.
class FileValues {
 public:
  FileValues(const OnnxFile& file, Draft& draft) : file_(file), draft_(draft) {}

  /// Whether `known` gives numbers, which costs nothing to ask.
  static bool is_known(const FileValue& value) {
    return value.initializer != nullptr || !value.known.empty() || value.arranged != nullptr;
  }
  /// The numbers at every size; empty where they are not known.
  const std::vector<Tensor>& known(FileValue& value) const;
  /// Numbers that no training moves: whole ones, single ones, and what nodes made of such.
  bool foldable(const FileValue& value) const;
  ops::Ref ref(FileValue& value, bool buffer = false) const;
  /// The weight that an exporter has turned round, as the layer has it; nothing where it is none.
  std::optional<ops::Ref> turned_ref(FileValue& value) const;

 private:
  const OnnxFile& file_;
  Draft& draft_;
};

}  // namespace rung::onnx_import
