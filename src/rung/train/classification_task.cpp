#include <cmath>

#include "rung/base/error.h"
#include "rung/ops/eager.h"
#include "rung/train/confusion.h"
#include "rung/train/task.h"

namespace rung {
namespace {

class ClassificationScore : public Score {
 public:
  explicit ClassificationScore(const ClassificationTask& options)
      : confusion_(options.names, !options.overlapping), options_(options) {}
  void add(const at::Tensor& output, const Batch& batch) override {
    const at::Tensor logits = as_logits(output, options_.form);
    confusion_.add(options_.overlapping ? logits.gt(0) : logits.argmax(1), batch.target);
    keep(options_.overlapping ? logits.sigmoid() : logits.softmax(1), batch.target);
  }
  std::vector<double> values() const override {
    using C = Confusion::Counts;
    const double f1 = confusion_.mean(&C::dice), accuracy = confusion_.accuracy();
    return {options_.overlapping ? f1 : accuracy, options_.overlapping ? accuracy : f1,
            confusion_.mean(&C::precision), confusion_.mean(&C::recall)};
  }
  nlohmann::json details() const override {
    nlohmann::json out = confusion_.to_json();
    if (scores_.empty()) return out;
    const at::Tensor scores = at::cat(scores_), truth = at::cat(truths_);
    for (int64_t c = 0; c < scores.size(1); ++c) {
      const at::Tensor there = options_.overlapping ? truth.select(1, c).gt(0.5) : truth.eq(c);
      const double auc = roc_auc(scores.select(1, c), there);
      if (std::isfinite(auc)) out["classes"][static_cast<size_t>(c)]["roc_auc"] = auc;
    }
    return out;
  }

 private:
  /// For the area under the curve, which needs all scores at once; beyond 256 MiB there is none.
  void keep(const at::Tensor& scores, const at::Tensor& truth) {
    constexpr int64_t kMost = int64_t{1} << 26;
    kept_ += scores.numel();
    if (kept_ > kMost) {
      scores_.clear();
      truths_.clear();
      return;
    }
    scores_.push_back(scores.cpu());
    truths_.push_back(truth.cpu());
  }

  Confusion confusion_;
  const ClassificationTask& options_;
  std::vector<at::Tensor> scores_, truths_;  ///< of each batch
  int64_t kept_ = 0;                         ///< numbers
};

class Classification : public Task {
 public:
  explicit Classification(const ClassificationTask& options) : options_(options) {
    if (options_.loss.terms.empty()) options_.loss.terms = {{.kind = "cross_entropy"}};
    for (auto i = static_cast<int64_t>(options_.names.size()); i < options_.classes; ++i) {
      options_.names.push_back(std::to_string(i));
    }
  }
  std::string name() const override { return "classification"; }

  void check(const at::Tensor& output, const Batch& batch) const override {
    if (output.dim() == 2 && output.size(0) == batch.target.size(0) &&
        output.size(1) == options_.classes && output.is_floating_point()) {
      return;
    }
    fail_user("classification of {} classes needs an output f32[{}, {}], and the network gives {}",
              options_.classes, batch.target.size(0), options_.classes, type_text(output));
  }
  at::Tensor loss(const at::Tensor& output, const Batch& batch) const override {
    return class_loss(options_.loss, {as_logits(output, options_.form), batch.target});
  }
  std::vector<Metric> metrics() const override {
    if (options_.overlapping) {
      return {{"f1", true}, {"accuracy", true}, {"precision", true}, {"recall", true}};
    }
    return {{"accuracy", true}, {"f1", true}, {"precision", true}, {"recall", true}};
  }
  std::unique_ptr<Score> score() const override {
    return std::make_unique<ClassificationScore>(options_);
  }
  at::Tensor predict(const at::Tensor& output, const Batch&) const override {
    const at::Tensor logits = as_logits(output, options_.form);
    return options_.overlapping ? logits.sigmoid() : logits.softmax(1);
  }

 private:
  ClassificationTask options_;
};

}  // namespace

std::unique_ptr<Task> classification_task(const ClassificationTask& options) {
  return std::make_unique<Classification>(options);
}

}  // namespace rung
