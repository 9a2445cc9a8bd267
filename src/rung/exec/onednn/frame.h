#pragma once

#include <memory>
#include <span>
#include <vector>

#include "rung/exec/onednn/draft.h"
#include "rung/exec/onednn/memory_plan.h"

namespace rung::onednn {

/// A draft whose steps are chosen and placed: all that runs share.
struct Plan {
  Draft draft;
  MemoryPlan memory;
  std::vector<size_t> chosen;  ///< the way of each step
};

/// What one run at a time needs: an arena, and the steps with their pointers into it.
class Frame {
 public:
  /// `plan` must outlive the frame, and stay as it is but for `chosen`.
  explicit Frame(const Plan& plan);

  /// Runs all steps from these inputs into those outputs: the bytes of each, in the graph's order.
  void run(std::span<std::byte* const> inputs, std::span<std::byte* const> outputs);
  /// The same, with a clock: seconds of each step.
  void run_timed(std::span<std::byte* const> inputs, std::span<std::byte* const> outputs,
                 std::vector<double>& seconds);
  /// Binds step `i` to the way that the plan has chosen since.
  void rebind(size_t i);

 private:
  struct Bound {
    std::vector<std::byte*> pointers;  ///< in, the way's constants, out
    size_t ins = 0;
    std::byte* scratch = nullptr;
    const Kernel* kernel = nullptr;
    std::vector<dnnl::memory> memories;
    std::vector<dnnl_exec_arg_t> args;
    const_dnnl_primitive_t primitive = nullptr;
  };
  /// A pointer that moves with the caller's memory.
  struct Outside {
    size_t step, operand;  ///< operand: of the step's inputs, or of its outputs
    bool out;
    int64_t offset;
  };

  std::byte* address(Ref ref) const;
  void bind(size_t i);
  void aim(std::span<std::byte* const> inputs, std::span<std::byte* const> outputs);
  void execute(size_t i);

  const Plan& plan_;
  std::shared_ptr<Storage> arena_;
  dnnl::stream stream_;
  std::vector<Bound> steps_;
  std::vector<std::vector<Outside>> inputs_, outputs_;
  std::vector<std::byte*> last_inputs_, last_outputs_;
};

}  // namespace rung::onednn
