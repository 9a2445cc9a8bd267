#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "rung/base/rng.h"

namespace rung::testing {

/// Bytes with one to four faults: bits and bytes changed, a stretch cut off, repeated or taken out,
/// a digit replaced.
std::string damaged(std::string bytes, Rng& rng);

/// Reads `count` damaged files, whose content `make` gives: each is read, or refused by a
/// rung::Error that says something and is no bug of rung; at least a quarter are refused.
void survive(const std::function<std::string(Rng&)>& make, int count, uint64_t seed,
             const std::function<void(const std::filesystem::path&)>& read);

}  // namespace rung::testing
