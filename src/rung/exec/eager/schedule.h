#pragma once

#include <ATen/ATen.h>
#include <c10/util/SmallVector.h>

#include <vector>

#include "rung/graph/graph.h"

namespace rung {

/// The steps that compute some values of a graph, and nothing else: fixed once, then run many
/// times without a look-up. A value is let go by the last step that reads it.
class Schedule {
 public:
  /// `graph` must outlive the schedule.
  Schedule(const Graph& graph, const std::vector<Value>& wanted);

  /// What a run reads besides its inputs.
  struct Frame {
    const std::vector<at::Tensor>& fixed;  ///< weights and constants, by node
    const std::vector<bool>& eval_norms;   ///< norms that keep their statistics, by node
    bool training;
    c10::optional<at::ScalarType> floating;  ///< as in RunContext
  };
  /// `inputs` in the order of graph.inputs(); those that `reads_input` denies may be undefined.
  /// Gives the wanted values in their order. Throws a user error that names the node, its op and
  /// the shapes of its inputs where an operator refuses them.
  std::vector<at::Tensor> run(const std::vector<at::Tensor>& inputs, const Frame& frame) const;

  /// Whether the wanted values depend on that input.
  bool reads_input(size_t index) const { return input_slots_[index] >= 0; }
  size_t steps() const { return steps_.size(); }

 private:
  /// Where a value lies at run time: among the fixed ones, or in a slot.
  struct Read {
    int32_t index = 0;
    bool fixed = false;
    bool last = false;  ///< nobody reads the slot after this
  };
  struct Step {
    const Node* node = nullptr;
    int32_t node_index = 0;
    bool norm = false;                     ///< may learn statistics in training
    c10::SmallVector<int32_t, 2> weights;  ///< of a norm: places among the reads
    c10::SmallVector<Read, 4> reads;
    c10::SmallVector<int32_t, 1> writes;  ///< a slot per output; negative: nobody reads it
  };
  static bool keeps_statistics(const Step& step, const Frame& frame);

  std::vector<Step> steps_;
  std::vector<int32_t> input_slots_;  ///< one per input of the graph; negative: not read
  std::vector<Read> results_;
  size_t slots_ = 0;
};

}  // namespace rung
