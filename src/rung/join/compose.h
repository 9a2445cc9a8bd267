#pragma once

#include <vector>

#include "rung/join/spec.h"

namespace rung {

/// Puts several networks side by side in one graph: every name under `model/`, all inputs and all
/// outputs kept. A single network without a name keeps its names. The batch size is the first
/// input's throughout. Throws a user error where names are missing, taken twice, or hold '/' or
/// '.'.
Model compose(const std::vector<Model>& models);

}  // namespace rung
