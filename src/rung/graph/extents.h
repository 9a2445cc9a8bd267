#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rung/graph/extent.h"
#include "rung/graph/graph.h"

namespace rung {

/// An axis of an input, by the input's name.
struct InputAxis {
  std::string input;
  size_t axis = 0;
  auto operator<=>(const InputAxis&) const = default;
};

/// Every axis of every value, followed back to the sizes of the inputs through each op's rule:
/// which sizes stay equal at other input sizes. Reads nodes as they are added, each once.
///   Extents extents;
///   extents.update(graph);
///   extents.of(skip, 2) == extents.of(up, 2)  // no size of an input can make them differ
class Extents {
 public:
  /// What an axis is that an input holds (Input::fixed): one size, or one to follow like others.
  enum class Held { kConstant, kFollowed };
  explicit Extents(Held held = Held::kConstant) : held_(held) {}

  /// Follows the nodes that were added since. The same graph every time, only ever longer.
  void update(const Graph& graph);

  Extent of(Value value, size_t axis) const {
    return sizes_.at(static_cast<size_t>(value.node.index))
        .at(static_cast<size_t>(value.port))
        .at(axis);
  }
  /// Whether all axes from `first` on are equal at every input size.
  bool equal(Value a, Value b, size_t first = 0) const;
  /// The axes of inputs that a size follows; all of them where an opaque operator made it.
  std::vector<InputAxis> inputs_of(Value value, size_t axis) const;
  /// By what an input's axis has to be multiplied for this size, where that is so at every input
  /// size: a number, or nothing for a factor that varies. No value: it is no multiple.
  std::optional<std::optional<int64_t>> multiple_of(const InputAxis& input, Value value,
                                                    size_t axis) const;
  /// "[x.0, 16, (x.2 - 1) / 2 + 1, 8]"
  std::string text(Value value) const;

 private:
  Held held_;
  mutable SizeTable table_;        ///< a question may make a size that was not asked for before
  std::vector<InputAxis> inputs_;  ///< every axis of every input so far
  std::vector<std::vector<std::vector<Extent>>> sizes_;  ///< node, output, axis
};

}  // namespace rung
