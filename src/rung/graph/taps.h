#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rung/graph/graph.h"

namespace rung {

/// Whether a name may hold the character, so that a tap can be written with it: no '@', ':', space
/// or control character.
bool can_stand_in_name(char c);

/// A place in a graph that can be read or joined.
struct Tap {
  std::string name;  ///< as written
  Value value;
  /// For `layer@in`: the nodes of the layer that read the value; a join there changes what they
  /// read and nobody else. Empty: all readers.
  std::vector<NodeId> readers;
};

/// Finds taps by name:
///   layer1.0.conv1      a node, or a whole layer: the value that leaves it
///   layer1@in           the value that enters the layer (or node)
///   lstm:1              output 1 of a node; value 1 of several that leave a layer
///   output              a graph output by name, where no node or layer has that name
/// With several models: `encoder/layer1`; the model's own name is the layer that holds it all.
/// Building is O(n log n), a look-up O(size of the layer), remembered.
class TapIndex {
 public:
  explicit TapIndex(const Graph& graph);

  /// Throws a user error: unknown (lists the nearest names), ambiguous (lists the candidates, such
  /// as `lstm:0`, `lstm:1`), a port that does not exist, or a weight.
  Tap find(std::string_view name) const;

  /// All names that `find` accepts, but for ports and @in, in graph order: layers before what they
  /// hold. Weights and constants are left out.
  const std::vector<std::string>& names() const { return names_; }
  /// Those that match a glob.
  std::vector<std::string> matching(std::string_view glob) const;

 private:
  Tap find_exit(std::string_view name, std::string_view base, std::optional<int> port) const;
  Tap find_entry(std::string_view name, std::string_view base, std::optional<int> port) const;
  bool known(std::string_view base) const;
  [[noreturn]] void fail_unknown(std::string_view name, std::string_view base) const;

  const Graph& graph_;
  Users users_;
  std::vector<std::string> names_;
  /// Computing nodes of each layer, in graph order.
  std::map<std::string, std::vector<NodeId>, std::less<>> layers_;
};

/// What is known of a tap before any data runs.
struct TapCard {
  std::string name;
  std::string op;  ///< "Conv", or "layer" for a layer of several nodes
  TensorType type;
  std::vector<double> stride;  ///< input size / size, per space or time axis; empty if unknown
  int64_t weights = 0;         ///< of the layer itself, elements
  int64_t macs = 0;            ///< of the layer itself
  int64_t macs_so_far = 0;     ///< of all that the tap needs
};
TapCard card(const Graph& graph, const Tap& tap);

}  // namespace rung
