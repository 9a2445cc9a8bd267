#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rung/graph/graph.h"

namespace rung {

/// One computing node or input of a graph. Weights and constants are not rows of their own: they
/// are counted with the nodes that read them.
struct SummaryRow {
  std::string name;
  std::string op;                 ///< "Conv(stride=[2, 2])"
  std::vector<TensorType> types;  ///< one per output
  int64_t weights = 0;            ///< elements that the node reads, buffers included
  int64_t macs = 0;
  std::vector<std::string> connected_to;  ///< names of the values that it reads
  std::string skip;                       ///< the skip that put it here, or empty
};

/// What a network is, as a value: `to_text` and `to_json` print it.
struct Summary {
  std::string model;
  std::vector<SummaryRow> rows;
  std::vector<std::string> inputs;   ///< "x f32[N, 3, 224, 224] (batch, channel, space, space)"
  std::vector<std::string> outputs;  ///< "output = fc f32[N, 1000] (batch, feature)"
  std::vector<SkipNote> skips;
  int64_t weights = 0;  ///< elements; a weight that several nodes share counts once
  int64_t buffers = 0;  ///< of these, elements that no optimiser moves
  int64_t weight_bytes = 0;
  int64_t macs = 0;  ///< of one run at the sizes of the graph
};

/// The name of a value: its node's, with ":1" of several outputs.
std::string value_name(const Graph& graph, Value value);

Summary summarize(const Graph& graph, const std::string& model_name = {});

/// A table of the rows, then the totals, inputs, outputs and the plan of every skip.
std::string to_text(const Summary& summary);
std::string to_json(const Summary& summary);

/// A table of the taps that match a glob: shape, roles, stride against the input, cost of the layer
/// and of all that it needs. Throws a user error with the nearest names where none matches.
std::string taps_text(const Graph& graph, const std::string& glob);

}  // namespace rung
