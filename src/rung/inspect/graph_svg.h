#pragma once

#include <string>

#include "rung/inspect/outline.h"

namespace rung {

struct GraphSvgOptions {
  std::string title = {};       ///< above the picture; missing: none
  OutlineOptions outline = {};  ///< how much is shown
  size_t max_legend_rows = 20;  ///< skips that the legend lists
};

/// A picture of a graph: a lane per network, a box per layer with its ops, weights and shape, the
/// skips as coloured arrows into the box where they merge, and a legend that says what each is.
/// A graph of any size gives a picture of a readable one. Names may hold any characters.
std::string graph_svg(const Graph& graph, const GraphSvgOptions& options = {});

}  // namespace rung
