#pragma once

#include <functional>
#include <map>
#include <string>

#include "rung/tensor/tensor.h"

namespace rung {

/// Name -> tensor, in the order of the names, so that nothing depends on a hash.
using Weights = std::map<std::string, Tensor, std::less<>>;

}  // namespace rung
