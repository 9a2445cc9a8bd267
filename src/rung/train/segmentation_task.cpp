#include <torch/torch.h>

#include "rung/base/error.h"
#include "rung/ops/eager.h"
#include "rung/train/task.h"

namespace rung {
namespace {

/// The output at the mask's size.
at::Tensor sized(const at::Tensor& output, const at::Tensor& mask) {
  const at::Tensor x = output.to(at::kFloat);
  if (x.size(2) == mask.size(2) && x.size(3) == mask.size(3)) return x;
  return at::upsample_bilinear2d(x, mask.sizes().slice(2), /*align_corners=*/false);
}

class Iou : public Score {
 public:
  void add(const at::Tensor& output, const Batch& batch) override {
    const at::Tensor found = sized(output, batch.target).gt(0), truth = batch.target.gt(0.5);
    const at::Tensor both = (found & truth).sum({1, 2, 3}), any = (found | truth).sum({1, 2, 3});
    for (int64_t i = 0; i < both.size(0); ++i) {
      const auto b = both[i].item<int64_t>(), a = any[i].item<int64_t>();
      both_ += b;
      any_ += a;
      sum_ += a == 0 ? 1 : static_cast<double>(b) / static_cast<double>(a);
      ++images_;
    }
  }
  std::vector<double> values() const override {
    if (images_ == 0) return {0, 0};
    return {any_ == 0 ? 1 : static_cast<double>(both_) / static_cast<double>(any_),
            sum_ / static_cast<double>(images_)};
  }

 private:
  int64_t both_ = 0, any_ = 0, images_ = 0;
  double sum_ = 0;
};

class Segmentation : public Task {
 public:
  explicit Segmentation(const SegmentationTask& options) : options_(options) {}
  std::string name() const override { return "segmentation"; }

  void check(const at::Tensor& output, const Batch& batch) const override {
    if (output.dim() == 4 && output.size(0) == batch.target.size(0) && output.size(1) == 1) return;
    fail_user(
        "segmentation of the foreground needs an output f32[{}, 1, H, W], and the network "
        "gives {}; a head with one channel is needed (classes = 1)",
        batch.target.size(0), type_text(output));
  }
  at::Tensor loss(const at::Tensor& output, const Batch& batch) const override {
    const at::Tensor x = sized(output, batch.target), &truth = batch.target;
    const at::Tensor entropy = at::binary_cross_entropy_with_logits(x, truth);
    if (options_.dice == 0) return entropy;
    const at::Tensor p = x.sigmoid();
    const at::Tensor dice =
        (2 * (p * truth).sum({1, 2, 3}) + 1) / (p.sum({1, 2, 3}) + truth.sum({1, 2, 3}) + 1);
    return entropy + options_.dice * (1 - dice).mean();
  }
  std::vector<Metric> metrics() const override { return {{"iou", true}, {"iou_mean", true}}; }
  std::unique_ptr<Score> score() const override { return std::make_unique<Iou>(); }
  at::Tensor predict(const at::Tensor& output, const Batch& batch) const override {
    return sized(output, batch.target).gt(0).to(at::kFloat);
  }

 private:
  SegmentationTask options_;
};

}  // namespace

std::unique_ptr<Task> segmentation_task(const SegmentationTask& options) {
  return std::make_unique<Segmentation>(options);
}

}  // namespace rung
