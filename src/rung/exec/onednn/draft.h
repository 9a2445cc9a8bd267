#pragma once

#include <string>
#include <vector>

#include "rung/graph/graph.h"
#include "rung/ops/onednn.h"

namespace rung::onednn {

/// Where the memory of a value comes from.
enum class Home : uint8_t {
  kArena,     ///< the run's
  kConstant,  ///< the program's
  kInput,     ///< the caller's, for the run
  kOutput,    ///< the same
  kPart,      ///< a piece of another value
};

/// A value of a draft.
struct Slot {
  Shape shape;
  Form form;
  int64_t bytes = 0;
  Home home = Home::kArena;
  Tensor data = {};    ///< kConstant: the bytes, in whatever order oneDNN likes
  size_t outside = 0;  ///< kInput, kOutput: which
  Ref whole = {};      ///< kPart
  int64_t offset = 0;  ///< kPart: in bytes, within `whole`
};

/// A step, and which nodes it stands for.
struct DraftStep {
  Step step;
  std::string nodes;  ///< "layer1.0.conv1 + layer1.0.relu"
  int64_t macs = 0;
  bool moves = false;   ///< moves or converts data and nothing else
  bool placed = false;  ///< copies in[0] into the part out[0]; void where both are the same memory
  bool slow = false;    ///< a reference kernel, or eager execution
};

/// A program whose values have no places yet. The memory plan turns values into parts of each other
/// and steps into nothing; what runs it sees pointers alone.
struct Draft {
  std::vector<Slot> slots;
  std::vector<DraftStep> steps;
  std::vector<Ref> outputs;  ///< row-major, in the types of the graph's outputs
  std::vector<std::string> notes;

  Slot& slot(Ref ref) { return slots[static_cast<size_t>(ref.index)]; }
  const Slot& slot(Ref ref) const { return slots[static_cast<size_t>(ref.index)]; }
  Ref add(Slot slot) {
    slots.push_back(std::move(slot));
    return {static_cast<int32_t>(slots.size() - 1)};
  }
  /// The value that holds the memory in the end, and the offset in it.
  std::pair<Ref, int64_t> root(Ref ref) const {
    int64_t offset = 0;
    for (; slot(ref).home == Home::kPart; ref = slot(ref).whole) offset += slot(ref).offset;
    return {ref, offset};
  }
};

}  // namespace rung::onednn
