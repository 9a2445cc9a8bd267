#pragma once

#include <string_view>

#include "rung/graph/model.h"

namespace rung {

/// The graph without dropout in the nodes whose names begin with `prefix`: they run in training as
/// they do in evaluation.
Graph without_dropout(const Graph& graph, std::string_view prefix);

}  // namespace rung
