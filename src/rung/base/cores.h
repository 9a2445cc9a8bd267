#pragma once

#include <string>

namespace rung {

/// The cores that this process may use: its affinity, and no more than a container's quota; at
/// least 1. LibTorch's own default can be half of them.
int usable_cores();

/// The CPU's name as the system has it, "unknown" where it has none.
std::string cpu_name();

}  // namespace rung
