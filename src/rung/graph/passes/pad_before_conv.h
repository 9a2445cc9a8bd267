#pragma once

#include "rung/graph/model.h"

namespace rung {

/// Convolutions whose border is not zeros (reflect, replicate, circular) become a Pad and a
/// convolution without one, named after it: "conv1" and "conv1.pad". Before anything that looks at
/// paddings. Linear in the graph.
Graph pad_before_conv(const Graph& graph);

}  // namespace rung
