#pragma once

#include <string>

#include "rung/graph/graph.h"

namespace rung {

/// What the numbers of an output are.
enum class OutputForm {
  kLogits,      ///< any numbers; a softmax or a sigmoid makes probabilities of them
  kSigmoid,     ///< each a probability
  kSoftmax,     ///< probabilities of exclusive classes
  kLogSoftmax,  ///< their logarithms
  kAboveZero,   ///< a relu's: no logits, for half of what they would say is cut off
};

/// What the graph's output is, by the op that it ends in: ops that only move or resize elements are
/// passed over. A softmax counts along the axis of channels or features, or the last one.
OutputForm output_form(const Graph& graph, Value output);

/// The op that says so ("a sigmoid ('head/act')"), for messages.
std::string output_form_text(const Graph& graph, Value output);

}  // namespace rung
