#pragma once

#include <string>
#include <vector>

#include "rung/graph/extents.h"
#include "rung/graph/graph.h"

namespace rung {

/// An axis that must keep its size: it arrives where an input of a network held it.
struct HeldAxis {
  Value value;
  size_t axis = 0;
  std::string why;
};

/// The graph with every axis of an input held (ops::Input::fixed) that one of these sizes follows.
/// Names, values and places of nodes stay.
Graph hold_axes(Graph graph, const Extents& extents, const std::vector<HeldAxis>& held);

}  // namespace rung
