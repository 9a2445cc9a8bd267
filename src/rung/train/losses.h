#pragma once

#include <ATen/ATen.h>

#include <string>
#include <vector>

#include "rung/graph/output_form.h"

namespace rung {

/// The class of what is not counted, in a truth of exclusive classes.
constexpr int64_t kIgnored = -1;

/// Logits of an output, f32: of probabilities their inverse, cut off at 1e-6 from 0 and 1, so that
/// a loss of logits is that of the probabilities.
at::Tensor as_logits(const at::Tensor& output, OutputForm form);

/// What a network said of classes, and the truth, for samples and for maps alike.
struct Classes {
  at::Tensor logits;  ///< f32 [N, C, …]
  /// Exclusive classes: i64 [N, …], 0 … C-1 or kIgnored. Overlapping ones, each with a yes or no of
  /// its own: f32 [N, C, …], 0, 1, or below 0 where it is not counted.
  at::Tensor truth;

  bool exclusive() const { return truth.dim() == logits.dim() - 1; }
  /// f32 [N, C, …]: softmax of exclusive classes, a sigmoid of each overlapping one.
  at::Tensor probabilities() const;
  /// f32 [N, C, …]: the truth as probabilities, 0 where it is not counted.
  at::Tensor shares() const;
  /// f32 [N, 1, …] or [N, C, …]: 1 where the truth is counted, else 0.
  at::Tensor counted() const;
};

/// One term of a loss, by name, and its settings.
struct LossTerm {
  std::string kind;
  double weight = 1;
  double gamma = 2;                ///< focal: how much less what is sure already counts
  double alpha = 0.3, beta = 0.7;  ///< tversky: weights of false positives and false negatives
  double delta = 1;                ///< huber: from where on the error counts linearly
};

struct LossOptions {
  std::vector<LossTerm> terms;             ///< none: the task's own
  std::vector<double> class_weights = {};  ///< one per class; none: all 1
  double label_smoothing = 0;              ///< cross_entropy: this share is spread over all classes
};

/// The kinds of terms: of classes (cross_entropy, focal, dice, tversky, lovasz), and of numbers
/// (mse, mae, huber).
std::vector<std::string> class_loss_kinds();
std::vector<std::string> number_loss_kinds();

/// The sum of the terms by their weights, differentiable. What is not counted has no gradient;
/// where nothing is counted the loss is 0. Throws a user error: a kind that is not known, class
/// weights that differ in number from the classes.
///   cross_entropy  mean over what is counted (of exclusive classes weighted by their class, as
///                  PyTorch's; of overlapping ones binary cross entropy)
///   focal          the same, each times (1 - p)^gamma (Lin et al., 2017)
///   dice           1 - (2 Σ p t + 1) / (Σ p + Σ t + 1) by image and class, then the mean
///   tversky        1 - (tp + 1) / (tp + alpha fp + beta fn + 1) likewise (Salehi et al., 2017)
///   lovasz         Lovász-Softmax over the batch, of the classes that are there (Berman et al.,
///   2018)
at::Tensor class_loss(const LossOptions& options, const Classes& classes);

/// The same of numbers, any shape: `said` and `truth` are alike. Mean over all.
at::Tensor number_loss(const LossOptions& options, const at::Tensor& said, const at::Tensor& truth);

}  // namespace rung
