#pragma once

#include <compare>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rung/ops/op.h"

namespace rung {

/// A node of one graph; an index with a type of its own.
struct NodeId {
  int32_t index = 0;
  auto operator<=>(const NodeId&) const = default;
};

/// One output of a node.
struct Value {
  NodeId node;
  int32_t port = 0;
  auto operator<=>(const Value&) const = default;
};

/// One op with a stable name. The name is a path: the model, a slash, then the layers with dots,
/// as in a state dict (`encoder/layer1.0.conv1`). A weight is a node too (ops::Param), named by
/// its key (`encoder/layer1.0.conv1.weight`).
struct Node {
  std::string name;
  Op op;
  std::vector<Value> inputs;
  std::vector<TensorType> types;  ///< one per output; what the op's shape rule said
  std::string skip;               ///< the skip that put the node here, or empty
};

struct Output {
  std::string name;
  Value value;
};

/// What is left of a skip after its plan was applied: enough to draw it and to switch it off.
/// At run time it is ordinary nodes.
struct SkipNote {
  std::string name;  ///< "skip1", or the user's name for it
  std::string from;  ///< taps, as written
  std::string to;
  std::string merge;
  std::string text;      ///< the plan, printed: what was inserted, and why
  Value source;          ///< before any adapter
  Value adapted;         ///< what the adapter hands to the merge
  Value target;          ///< the value as it was without the skip
  Value merged;          ///< what the readers of the target read now
  bool widened = false;  ///< the readers take the merged value's channels, and not the target's
};

/// A directed acyclic graph of ops, in topological order by construction: a node's inputs exist
/// before it. A value type: copy it, change the copy.
class Graph {
 public:
  /// Adds a node and infers its types. Throws a user error that names the node, its op and its
  /// inputs where the name is taken, the op's rule is broken, or an input does not exist.
  NodeId add(std::string name, Op op, std::vector<Value> inputs, std::string skip = {});
  /// Names a value as a result. Throws where the name is taken.
  void add_output(std::string name, Value value);
  void clear_outputs() { outputs_.clear(); }
  void add_skip_note(SkipNote note) { skips_.push_back(std::move(note)); }

  const std::vector<Node>& nodes() const { return nodes_; }
  const Node& node(NodeId id) const { return nodes_.at(static_cast<size_t>(id.index)); }
  size_t size() const { return nodes_.size(); }
  NodeId id(size_t index) const { return NodeId{static_cast<int32_t>(index)}; }
  const TensorType& type(Value value) const {
    return node(value.node).types.at(static_cast<size_t>(value.port));
  }
  const std::vector<Output>& outputs() const { return outputs_; }
  const std::vector<SkipNote>& skips() const { return skips_; }
  std::optional<NodeId> find(std::string_view name) const;
  /// The Input nodes, in order.
  const std::vector<NodeId>& inputs() const { return inputs_; }
  /// The Param nodes, in order.
  std::vector<NodeId> params() const;

  template <typename T>
  const T* op_as(NodeId id) const {
    return std::get_if<T>(&node(id).op);
  }

 private:
  std::vector<Node> nodes_;
  std::vector<NodeId> inputs_;
  std::map<std::string, NodeId, std::less<>> by_name_;
  std::vector<Output> outputs_;
  std::vector<SkipNote> skips_;
};

/// Who reads each node, as adjacency lists; built once, in linear time.
class Users {
 public:
  explicit Users(const Graph& graph);
  /// Nodes that read `value`, ascending; a node that reads it twice stands once.
  std::vector<NodeId> of(const Graph& graph, Value value) const;
  const std::vector<NodeId>& of(NodeId node) const {
    return lists_.at(static_cast<size_t>(node.index));
  }

 private:
  std::vector<std::vector<NodeId>> lists_;
};

/// True for Input, Param and Constant: nodes that compute nothing.
bool is_leaf(const Op& op);

/// The model a name belongs to: "encoder/layer1.0" -> "encoder", "layer1" -> "".
std::string_view model_of(std::string_view name);
/// The layer that contains a node: "encoder/layer1.0.conv1" -> "encoder/layer1.0"; "" at the top.
std::string_view parent_of(std::string_view name);

/// The text of a whole graph, one node a line, readable and diffable.
std::string print(const Graph& graph);

}  // namespace rung
