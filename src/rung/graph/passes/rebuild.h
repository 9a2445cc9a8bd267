#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "rung/graph/model.h"

namespace rung {

/// A copy of a graph in the making, in which values stand for others and nodes are changed. All
/// values are those of the graph that is copied.
class Rebuild {
 public:
  /// What a node becomes: its inputs, then new weights.
  struct Change {
    Op op;
    std::vector<Value> inputs;
    std::vector<std::pair<std::string, ops::Param>> params;
  };

  explicit Rebuild(const Graph& from) : from_(from) {}

  /// Whoever reads `value` reads `instead`, an earlier value, or what that was replaced by.
  void replace(Value value, Value instead) { instead_[value] = resolve(instead); }
  /// What stands for a value by now; itself where nothing does.
  Value resolve(Value value) const;
  void change(NodeId node, Change change) { changes_.insert_or_assign(node, std::move(change)); }
  bool changed(NodeId node) const { return changes_.contains(node); }
  bool empty() const { return instead_.empty() && changes_.empty(); }

  /// The copy, with the types inferred again: all inputs, and of the other nodes those that an
  /// output needs. Skip notes whose values are gone go too.
  Graph finish() const;

 private:
  std::vector<bool> needed() const;
  const std::vector<Value>& inputs_of(NodeId node) const;

  const Graph& from_;
  std::map<Value, Value> instead_;
  std::map<NodeId, Change> changes_;
};

/// The model with another graph: of the weights those that it reads, `more` among them.
Model with_graph(const Model& model, Graph graph, Weights more = {});

}  // namespace rung
