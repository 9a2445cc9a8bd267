#include "rung/base/rng.h"

#include <cmath>
#include <numbers>

namespace rung {

Rng::Rng(uint64_t seed, std::string_view name) : state_(seed) {
  uint64_t hash = 0xcbf29ce484222325ull;  // FNV-1a
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  state_ = seed * 0x9e3779b97f4a7c15ull ^ hash;
  next();
}

uint64_t Rng::next() {
  uint64_t z = (state_ += 0x9e3779b97f4a7c15ull);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

double Rng::uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

double Rng::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  const double radius = std::sqrt(-2 * std::log(1 - uniform()));
  const double angle = 2 * std::numbers::pi * uniform();
  spare_ = radius * std::sin(angle);
  has_spare_ = true;
  return radius * std::cos(angle);
}

int64_t Rng::integer(int64_t low, int64_t high) {
  const auto range = static_cast<uint64_t>(high - low) + 1;
  return range == 0 ? static_cast<int64_t>(next()) : low + static_cast<int64_t>(next() % range);
}

}  // namespace rung
