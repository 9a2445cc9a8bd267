#pragma once

#include <string>
#include <vector>

#include "rung/graph/rewrite.h"

namespace rung::cli {

/// Sizes of the inputs at which `rung check` compares: the graph's, batches of 2 and 3, and space
/// and time a little larger and smaller, odd where they were even; only those that differ. A
/// network may refuse some of them.
std::vector<InputShapes> sizes_to_check(const Graph& graph);

/// "x 1x3x224x224, y 1x10"
std::string sizes_text(const InputShapes& shapes);
std::string sizes_text(const Graph& graph);

}  // namespace rung::cli
