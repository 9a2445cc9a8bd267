#pragma once

#include <string>
#include <vector>

#include "rung/graph/graph.h"

namespace rung {

struct OutlineOptions {
  int depth = 0;          ///< levels of layer names to show; 0: as many as stay within max_boxes
  size_t max_boxes = 32;  ///< above it, neighbours are gathered into ranges
};

/// One box of a picture: some nodes of the graph.
struct Box {
  enum class Kind { kLayer, kInput, kOutput, kSkip, kRange };
  Kind kind = Kind::kLayer;
  std::string name;    ///< the layer's path within its network; the skip's name; "first … last"
  std::string detail;  ///< "Conv · 9 408 weights", "concat: ResizeLike, Conv"
  std::string shape;   ///< of what leaves it, "[N, 64, 56, 56]"
  int lane = -1;       ///< index into Outline::lanes; -1: outside of all
  int skip = -1;       ///< kSkip: index into Graph::skips()
};

struct Arrow {
  enum class Kind { kFlow, kWire, kSkip };  ///< kWire: from one network into another
  size_t from = 0;
  size_t to = 0;
  Kind kind = Kind::kFlow;
  int skip = -1;     ///< kSkip: the first skip that runs here
  size_t count = 1;  ///< kSkip: how many do
};

/// A graph at a level that a person can read: layers become boxes, a skip becomes one box where it
/// meets its target, weights and constants become numbers. Layers that contain an end of a skip
/// are opened far enough to show it.
struct Outline {
  std::vector<std::string> lanes;  ///< the networks, in order of their first node; may be {""}
  std::vector<Box> boxes;          ///< in the order of the graph
  std::vector<Arrow> arrows;       ///< sorted, each pair and kind once
};

Outline outline(const Graph& graph, const OutlineOptions& options = {});

}  // namespace rung
