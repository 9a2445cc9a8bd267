#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "rung/base/error.h"
#include "rung/graph/graph.h"

namespace rung {

/// A graph as JSON:
///   {"nodes":   [{"name": "conv1", "op": {"op": "Conv", "stride": [2, 2]},
///                 "inputs": ["x", "conv1.weight"], "skip": "skip1"}, …],
///    "outputs": [{"name": "y", "value": "fc"}, …],
///    "skips":   [{"name": "skip1", "from": …, "to": …, "merge": …, "text": …,
///                 "source": value, "adapted": value, "target": value, "merged": value}, …]}
/// A value is the name of a node, with ":port" behind it where the port is not 0 or the name itself
/// holds a colon. Types are left out: reading infers them again.
nlohmann::json to_json(const Graph& graph);

/// Adds everything in `json` to `graph`, in its order. Returns the first error, a user error that
/// names the node; what stood before it has been added. `what` names the source in messages.
std::optional<Error> read_graph_json(const nlohmann::json& json, std::string_view what,
                                     Graph& graph);

}  // namespace rung
