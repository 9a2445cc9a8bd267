#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "rung/base/error.h"
#include "rung/graph/extents.h"

namespace rung {

/// Axes of inputs that have one size.
using InputAxes = std::vector<InputAxis>;

/// Sizes to try beside an example's, in this order: the next, odd ones and multiples farther away
/// (strides up to 128 change something at one of them), and the half. None below 2, which fits
/// many places because it is broadcast there.
std::vector<int64_t> sizes_to_try(int64_t size);
/// The same for a batch: near ones first, for running a network costs as much as it is large.
std::vector<int64_t> batches_to_try(int64_t size);

/// Sizes of axes of inputs.
using AxisSizes = std::map<InputAxis, int64_t>;

/// A graph inferred at other sizes of some axes of its inputs.
struct Resized {
  Graph graph;  ///< without outputs; where it refuses the size, the nodes before the one that does
  std::optional<Error> refused;
};
Resized at_sizes(const Graph& graph, const AxisSizes& sizes);
Resized at_size(const Graph& graph, const InputAxes& axes, int64_t size);

/// What a graph told of some axes of its inputs when they had other sizes.
///
/// Formulas are read off sizes that were seen: two axes that were alike at all of them count as
/// one, and one that never changed as a number. So sizes must be tried until all that follows the
/// axes (by each op's own rule, Extents) has changed, and what follows them in different ways has
/// differed: behind a stride of 32, the next size changes nothing.
///   SizeTrials trials(graph, extents, axes);
///   for (size : sizes_to_try(example))
///     if (!trials.told_all() && trials.tells(at_size(graph, axes, size).graph)) …
class SizeTrials {
 public:
  SizeTrials(const Graph& graph, const Extents& extents, const InputAxes& axes);

  /// Counts `other` (the graph, or its first nodes, at another size) as tried.
  void add(const Graph& other);
  /// Whether nothing is left to learn.
  bool told_all() const;
  /// Whether two axes differ in `other`, or one changes, that did not at any size so far.
  bool tells(const Graph& other) const;
  /// The first node of which an axis changes in `other` that did not at any size so far.
  std::optional<NodeId> first_change(const Graph& other) const;

 private:
  /// A size that follows the axes: the first value that has it, and what it was.
  struct Followed {
    Value value;
    size_t axis;
    std::vector<int64_t> seen;
    bool varies() const;
    std::optional<int64_t> in(const Graph& other) const;
  };
  std::vector<Followed> followed_;  ///< by the graph's order
};

/// The sizes at which to infer a graph, led by what is left to learn.
struct TriedSizes {
  std::vector<Graph> graphs;  ///< at each
  /// Why the axes take no other size, or only some at which nothing behind them changes
  /// ("encoder.add (Add)"); empty: they are free.
  std::string held;
};
TriedSizes try_sizes(const Graph& graph, const Extents& extents, const InputAxes& axes);

}  // namespace rung
