#pragma once

#include <string>
#include <vector>

#include "rung/graph/model.h"

namespace rung {

/// Where a network is cut, by taps (graph/taps.h).
struct Cut {
  /// Taps that become outputs under their own names; whatever they do not need goes, inputs too.
  std::vector<std::string> at;
  bool keep_outputs = false;  ///< the network's outputs stay, in front of these
  /// Taps that become inputs under their own names, '@' and ':' written as dots: what computes them
  /// goes. An axis that follows a size which an input holds (ops::Input::fixed) is held too.
  std::vector<std::string> from;
};

/// The part of a network between taps, with its weights (shared) and the notes of skips that are
/// still whole. Without `at`, its outputs stay.
/// Throws a user error: unknown taps (lists the nearest names), the same output twice, a tap in
/// `from` that nothing of what is left reads.
Model cut(const Model& model, const Cut& where);

}  // namespace rung
