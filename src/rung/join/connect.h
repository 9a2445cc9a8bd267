#pragma once

#include "rung/graph/builder.h"
#include "rung/join/plan.h"

namespace rung {

/// One skip, worked out: what was inserted, and what the readers of the target are to read.
struct Connection {
  Value merged;
  SkipPlan plan;
  SkipNote note;
};

/// Makes the source fit and merges it into the target. Nodes go under `skip.name`, which must be
/// set, as must `from` and `to`, for messages. Nobody reads the result yet.
/// Throws a user error with both ends, the rule and the fix where the skip is not possible.
Connection write_skip(Builder& builder, const Skip& skip, Value source, Value target);

/// The same for a network that is being written: in the builder's scope, named "skip" where
/// `skip.name` is empty, with the ends' names from the graph, and noted there.
///   y = connect(b, x, b.conv("conv2", y, …), {.merge = "add"});
Value connect(Builder& builder, Value source, Value target, Skip skip);

}  // namespace rung
