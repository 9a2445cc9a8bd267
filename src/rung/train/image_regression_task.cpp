#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "rung/base/error.h"
#include "rung/ops/eager.h"
#include "rung/train/task.h"

namespace rung {
namespace {

class ImageErrors : public Score {
 public:
  explicit ImageErrors(bool unit) : unit_(unit) {}

  void add(const at::Tensor& output, const Batch& batch) override {
    const at::Tensor counted = batch.target.isfinite();
    const at::Tensor error =
        at::where(counted, output.to(at::kDouble) - batch.target.to(at::kDouble), 0.0).flatten(1);
    const at::Tensor absolute = error.abs().sum(1).cpu(), square = error.square().sum(1).cpu();
    const at::Tensor counts = counted.flatten(1).sum(1).cpu();
    for (int64_t i = 0; i < counts.size(0); ++i) {
      const auto count = static_cast<double>(counts[i].item<int64_t>());
      if (count == 0) continue;
      absolute_ += absolute[i].item<double>();
      square_ += square[i].item<double>();
      count_ += count;
      psnr_ += -10 * std::log10(std::max(square[i].item<double>() / count, kLeast));
      ++images_;
    }
  }

  std::vector<double> values() const override {
    std::vector<double> out;
    if (unit_) out.push_back(images_ > 0 ? psnr_ / images_ : 0);
    out.push_back(count_ > 0 ? absolute_ / count_ : 0);
    out.push_back(count_ > 0 ? std::sqrt(square_ / count_) : 0);
    return out;
  }

 private:
  static constexpr double kLeast = 1e-10;  ///< of a mean squared error: 100 dB
  bool unit_;
  double absolute_ = 0, square_ = 0, count_ = 0, psnr_ = 0, images_ = 0;
};

class ImageRegression : public Task {
 public:
  explicit ImageRegression(const ImageRegressionTask& options) : options_(options) {
    if (options_.loss.terms.empty()) options_.loss.terms = {{.kind = "mse"}};
  }
  std::string name() const override { return "regression"; }

  void check(const at::Tensor& output, const Batch& batch) const override {
    if (output.sizes() == batch.target.sizes() && output.is_floating_point()) return;
    fail_user(
        "regression of images needs an output of the targets' shape, {}, and the network gives {}",
        type_text(batch.target), type_text(output));
  }
  at::Tensor loss(const at::Tensor& output, const Batch& batch) const override {
    const at::Tensor counted = batch.target.isfinite(), said = output.to(at::kFloat);
    if (!counted.any().item<bool>()) return said.sum() * 0;
    return number_loss(options_.loss, said.masked_select(counted),
                       batch.target.masked_select(counted));
  }
  std::vector<Metric> metrics() const override {
    if (!options_.unit) return {{"mae", false}, {"rmse", false}};
    return {{"psnr", true}, {"mae", false}, {"rmse", false}};
  }
  std::unique_ptr<Score> score() const override {
    return std::make_unique<ImageErrors>(options_.unit);
  }
  at::Tensor predict(const at::Tensor& output, const Batch&) const override {
    return output.to(at::kFloat);
  }

 private:
  ImageRegressionTask options_;
};

}  // namespace

std::unique_ptr<Task> image_regression_task(const ImageRegressionTask& options) {
  return std::make_unique<ImageRegression>(options);
}

}  // namespace rung
