#pragma once

#include <cstdint>
#include <string_view>

namespace rung {

/// A small seeded generator (SplitMix64): same seed, same bits, on every machine.
/// The standard library's distributions differ between implementations, so rung draws its own.
class Rng {
 public:
  explicit Rng(uint64_t seed) : state_(seed) {}
  /// A stream of its own for every name, so that one weight's draw never moves another's.
  Rng(uint64_t seed, std::string_view name);

  uint64_t next();
  /// Uniform in [0, 1), 53 bits.
  double uniform();
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  /// Standard normal (Box–Muller).
  double normal();
  /// Uniform whole number in [low, high], both included.
  int64_t integer(int64_t low, int64_t high);

 private:
  uint64_t state_;
  double spare_ = 0;
  bool has_spare_ = false;
};

}  // namespace rung
