#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "rung/graph/model.h"
#include "rung/train/task.h"

namespace rung {

/// An output of the network and what it is trained for.
struct Goal {
  std::string name;  ///< of the output
  std::shared_ptr<const Task> task;
  double weight = 1;  ///< of its loss
  size_t target = 0;  ///< which of the batch's targets is its truth
};

/// Two values of the network, [N, …] of one shape: the student's is to become the teacher's,
/// through which no gradient flows.
struct Hint {
  std::string student, teacher;  ///< taps
  /// mse, mae, huber (a mean over all numbers), or kl: of the distributions over axis 1 at a
  /// temperature, times its square (Hinton et al., 2015).
  LossTerm term = {.kind = "mse"};
  double temperature = 1;  ///< kl
};

/// The kinds of a hint's term.
std::vector<std::string> hint_loss_kinds();

/// Throws the user error of a hint between two shapes.
[[noreturn]] void fail_unlike(const Hint& hint, const std::string& student,
                              const std::string& teacher);

/// A differentiable number, before its weight. Throws a user error where the shapes differ.
at::Tensor hint_loss(const Hint& hint, const at::Tensor& student, const at::Tensor& teacher);

/// What a run minimises: the sum of the goals' losses and the hints', each by its weight. The
/// network's outputs are those of the goals, in their order, and behind them the hints' values.
class Objective {
 public:
  /// One output, which `task` outlives.
  explicit Objective(const Task& task);
  /// `outputs` are the names of the network's outputs. Throws a user error where a goal or a hint
  /// has none.
  Objective(std::vector<Goal> goals, std::vector<Hint> hints,
            const std::vector<std::string>& outputs);

  const std::vector<Goal>& goals() const { return goals_; }
  /// "segmentation", or "classes: classification, price: regression".
  std::string name() const;
  /// Throws a user error where an output does not fit its task.
  void check(const std::vector<at::Tensor>& outputs, const Batch& batch) const;
  at::Tensor loss(const std::vector<at::Tensor>& outputs, const Batch& batch) const;
  /// Those of the task, or of several, "OUTPUT.METRIC"; and the loss of each hint. The first goal's
  /// come first.
  std::vector<Metric> metrics() const;
  /// Of outputs in their order.
  class Score {
   public:
    virtual ~Score() = default;
    virtual void add(const std::vector<at::Tensor>& outputs, const Batch& batch) = 0;
    virtual std::vector<double> values() const = 0;
    /// Those of the task, or of several {OUTPUT: details}.
    virtual nlohmann::json details() const = 0;
  };
  std::unique_ptr<Score> score() const;

  /// The network without what only hints need.
  Model without_hints(const Model& model) const;

 private:
  /// Places of a hint's values among the outputs.
  struct Places {
    size_t student = 0, teacher = 0;
  };
  class JointScore;
  std::vector<Goal> goals_;
  std::vector<Hint> hints_;
  std::vector<Places> places_;  ///< of the hints
};

}  // namespace rung
