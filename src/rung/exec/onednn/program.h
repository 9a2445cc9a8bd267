#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rung/graph/model.h"
#include "rung/graph/rewrite.h"

namespace rung {

/// What floating values are stored as. Sums are f32 in both.
enum class Precision { kF32, kBf16 };

/// Runs one op that has no kernel, on row-major tensors of the graph's types: inputs, and outputs
/// to fill. Called by several threads at once.
using FallbackRun =
    std::function<void(const std::vector<Tensor>& inputs, std::vector<Tensor>& outputs)>;
/// Makes one for a node. rung_torch has it (exec/eager/fallback.h).
using Fallback = std::function<FallbackRun(const Node& node)>;

struct CompileOptions {
  Precision precision = Precision::kF32;
  /// With kBf16: convolutions may also take Winograd kernels of 4×4 outputs, whose relative RMS
  /// error is 1.2e-2 a layer where others have 2e-3 to 5e-3.
  bool fast_bf16 = false;
  int threads = 0;  ///< per run; 0: every core that the process may use
  /// Where several ways lead to the same result, the fastest is measured on this machine. Off: the
  /// first one that is known to be good, so that the same graph gives the same program, and the
  /// same bits, on every CPU of a kind.
  bool measure = true;
  double budget_s = 5;  ///< for measuring, in all
  /// Remembers what was measured, per CPU and version; nothing is remembered where it is empty.
  std::filesystem::path cache = default_plan_cache();
  size_t shapes = 8;  ///< programs kept, one per set of input shapes; the oldest goes first
  Fallback fallback = nullptr;

  static std::filesystem::path default_plan_cache();  ///< ~/.cache/rung/plans.json
};

/// What became of a graph: for `rung compile --explain`, tests and benches.
struct CompileReport {
  struct Step {
    std::string nodes;  ///< "layer1.0.conv1 + layer1.0.relu"
    std::string what;   ///< "conv 3x3, 64 -> 64, + relu"
    std::string way;    ///< "jit_wino_4x3:avx512_core"
    bool slow = false;  ///< a reference kernel, or eager execution
    int64_t macs = 0;
    int64_t reads = 0;   ///< bytes, weights among them
    int64_t writes = 0;  ///< bytes
    int64_t moved = 0;   ///< bytes of them that are only moved: reorders, concatenations
    std::vector<std::string> considered;  ///< the other ways, with their times where measured
  };
  std::vector<Step> steps;
  std::vector<std::string> notes;  ///< what was folded, fused and placed, and why, in order
  int64_t arena_bytes = 0;
  int64_t arena_lower_bound = 0;  ///< the most that lives at once
  int64_t weight_bytes = 0;       ///< as packed
  double compile_s = 0;
  double measure_s = 0;  ///< of that
};

/// A network compiled for oneDNN: primitives and kernels in one list, over one arena. It needs no
/// LibTorch. A value: copies share what was compiled. Many threads may call one program; each run
/// has an arena of its own, kept for the next.
class Program {
 public:
  /// Inputs in the order of the graph's, outputs in that of its outputs. Other sizes than the
  /// example's compile a program for them first. Throws a user error: a missing or surplus input,
  /// another rank or dtype, sizes that the network does not take.
  std::vector<Tensor> run(const std::vector<Tensor>& inputs) const;
  /// The same into memory of the caller's: tensors of the right types, one per output.
  void run(const std::vector<Tensor>& inputs, std::vector<Tensor>& outputs) const;

  /// Seconds, medians of `runs` after one that is not counted: of each step of
  /// CompileReport::steps, and of whole runs in between that have no clocks between their steps.
  struct Times {
    std::vector<double> steps;
    double whole = 0;
  };
  Times time(const std::vector<Tensor>& inputs, int runs) const;

  /// What was compiled for these shapes; for the example's where none are given.
  CompileReport report(const InputShapes& shapes = {}) const;
  const Graph& graph() const;  ///< as given
  const CompileOptions& options() const;

 private:
  friend Program compile(const Model& model, const CompileOptions& options);
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

/// Compiles a network at its example sizes. Weights that it lacks must have been drawn.
/// Throws an unsupported error that lists every node that has no kernel, with the reasons; a user
/// error where a weight is missing, or bf16 is asked of a CPU that cannot do it.
Program compile(const Model& model, const CompileOptions& options = {});

}  // namespace rung
