#pragma once

#include <map>
#include <string>

#include "rung/graph/graph.h"

namespace rung {

/// Axis roles of inputs by name; an empty name stands for the only one.
using InputRoles = std::map<std::string, Roles, std::less<>>;

/// What the layers that read each input say of its axes, followed back through whatever keeps,
/// turns or merges axes: a convolution, pool or batch norm reads [N, C, S…], a recurrent layer
/// [N, T, F] or [T, N, F], a linear layer and a layer norm have features last. The roles that the
/// inputs have now are not looked at. An axis of which nothing is said, or of which two layers say
/// different things, is kNone.
InputRoles roles_from_readers(const Graph& graph);

/// `roles_from_readers`, with what is usual where nothing at all is said of an input: its present
/// roles. A batch is taken to stand in front where no layer says otherwise.
InputRoles infer_input_roles(const Graph& graph);

/// The graph with these roles of inputs. Throws a user error: no such input, or a role too many.
Graph with_input_roles(const Graph& graph, const InputRoles& roles);

/// "batch,space,space,channel"; "?" is not known. Throws a user error that lists the roles.
Roles parse_roles(const std::string& text);

}  // namespace rung
