#pragma once

#include <string>
#include <vector>

#include "rung/exec/eager/trace_lower.h"

namespace rung::tracing {

/// A name for every node: inputs and weights keep theirs. A node takes the path of the module that
/// owns its weights. One without weights takes that of a registered module without weights (ReLU,
/// MaxPool2d, …) that does what it does; else the enclosing block's, and the op's own name.
std::vector<std::string> name_nodes(const Lowered& lowered,
                                    const std::vector<TracedModule>& modules);

}  // namespace rung::tracing
