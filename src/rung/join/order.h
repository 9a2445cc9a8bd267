#pragma once

#include <map>
#include <optional>
#include <vector>

#include "rung/graph/taps.h"
#include "rung/join/spec.h"

namespace rung {

/// One place of the composed graph where skips arrive.
struct Site {
  Value target;
  /// For taps such as `layer@in`: only these nodes read the merged value. Empty: every reader.
  std::vector<NodeId> readers;
  std::vector<size_t> skips;  ///< indices into JoinSpec::skips, in the order they were given
};

/// The taps of a spec, found, and the places they meet.
struct Sites {
  std::vector<Site> sites;
  std::vector<Value> sources;        ///< one per skip
  std::map<Value, size_t> at_value;  ///< the site that replaces a value for everybody
  std::map<std::pair<NodeId, Value>, size_t> at_reader;  ///< … for one node
  std::map<NodeId, Value> wired;                         ///< input node -> the value that feeds it
  std::map<NodeId, size_t> wire_of;  ///< input node -> index into JoinSpec::wires

  /// The site that decides what `reader` sees of `value`, if any.
  std::optional<size_t> site_for(NodeId reader, Value value) const;
};

/// Finds every tap. Throws the user errors of TapIndex::find, and those of wires: not an input,
/// fed twice.
Sites find_sites(const Graph& graph, const JoinSpec& spec);

/// A step of the join: copy a node, or merge what arrives at a site.
struct Task {
  bool is_site = false;
  size_t index = 0;
};

/// All steps in an order where everything read was made before; as near as possible to the order
/// of the graph. Throws a user error that prints the loop where a skip closes one.
std::vector<Task> order_tasks(const Graph& graph, const JoinSpec& spec, const Sites& sites);

}  // namespace rung
