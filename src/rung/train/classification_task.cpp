#include <torch/torch.h>

#include "rung/base/error.h"
#include "rung/ops/eager.h"
#include "rung/train/task.h"

namespace rung {
namespace {

class Accuracy : public Score {
 public:
  void add(const at::Tensor& output, const Batch& batch) override {
    right_ += output.argmax(1).eq(batch.target).sum().item<int64_t>();
    all_ += batch.target.size(0);
  }
  std::vector<double> values() const override {
    return {all_ > 0 ? static_cast<double>(right_) / static_cast<double>(all_) : 0};
  }

 private:
  int64_t right_ = 0, all_ = 0;
};

class Classification : public Task {
 public:
  explicit Classification(const ClassificationTask& options) : options_(options) {}
  std::string name() const override { return "classification"; }

  void check(const at::Tensor& output, const Batch& batch) const override {
    if (output.dim() == 2 && output.size(0) == batch.target.size(0) &&
        output.size(1) == options_.classes) {
      return;
    }
    fail_user("classification of {} classes needs an output f32[{}, {}], and the network gives {}",
              options_.classes, batch.target.size(0), options_.classes, type_text(output));
  }
  at::Tensor loss(const at::Tensor& output, const Batch& batch) const override {
    namespace F = torch::nn::functional;
    return F::cross_entropy(output.to(at::kFloat), batch.target,
                            F::CrossEntropyFuncOptions().label_smoothing(options_.label_smoothing));
  }
  std::vector<Metric> metrics() const override { return {{"accuracy", true}}; }
  std::unique_ptr<Score> score() const override { return std::make_unique<Accuracy>(); }
  at::Tensor predict(const at::Tensor& output, const Batch&) const override {
    return output.to(at::kFloat).softmax(1);
  }

 private:
  ClassificationTask options_;
};

}  // namespace

std::unique_ptr<Task> classification_task(const ClassificationTask& options) {
  return std::make_unique<Classification>(options);
}

}  // namespace rung
