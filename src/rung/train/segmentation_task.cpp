#include <ATen/ATen.h>

#include "rung/base/error.h"
#include "rung/ops/eager.h"
#include "rung/train/confusion.h"
#include "rung/train/task.h"

namespace rung {
namespace {

/// Logits at the mask's size.
at::Tensor sized(const at::Tensor& output, OutputForm form, const at::Tensor& mask) {
  const at::Tensor x = as_logits(output, form);
  const auto size = mask.sizes().slice(mask.dim() - 2);
  if (x.sizes().slice(2) == size) return x;
  return at::upsample_bilinear2d(x, size, /*align_corners=*/false);
}

/// bool [N, C, H, W] of overlapping classes, i64 [N, H, W] of exclusive ones.
at::Tensor found_in(const at::Tensor& logits, bool exclusive) {
  return exclusive ? logits.argmax(1) : logits.gt(0);
}

class ForegroundScore : public Score {
 public:
  explicit ForegroundScore(OutputForm form) : confusion_({"foreground"}, false), form_(form) {}
  void add(const at::Tensor& output, const Batch& batch) override {
    const at::Tensor found = found_in(sized(output, form_, batch.target), false);
    confusion_.add(found, batch.target);
    const at::Tensor counted = batch.target.ge(0), truth = batch.target.gt(0.5);
    const at::Tensor both = (found & truth & counted).sum({1, 2, 3}).cpu();
    const at::Tensor any = ((found | truth) & counted).sum({1, 2, 3}).cpu();
    for (int64_t i = 0; i < both.size(0); ++i) {
      const auto b = both[i].item<int64_t>(), a = any[i].item<int64_t>();
      sum_ += a == 0 ? 1 : static_cast<double>(b) / static_cast<double>(a);
      ++images_;
    }
  }
  std::vector<double> values() const override {
    if (images_ == 0) return {0, 0, 0, 0, 0};
    const auto counts = confusion_.of(0);
    return {counts.iou(), sum_ / static_cast<double>(images_), counts.dice(), counts.precision(),
            counts.recall()};
  }
  nlohmann::json details() const override { return confusion_.to_json(); }

 private:
  Confusion confusion_;
  OutputForm form_;
  int64_t images_ = 0;
  double sum_ = 0;
};

class ClassesScore : public Score {
 public:
  explicit ClassesScore(const SegmentationTask& options)
      : confusion_(options.classes, !options.overlapping), options_(options) {}
  void add(const at::Tensor& output, const Batch& batch) override {
    confusion_.add(found_in(sized(output, options_.form, batch.target), !options_.overlapping),
                   batch.target);
  }
  std::vector<double> values() const override {
    using C = Confusion::Counts;
    return {confusion_.mean(&C::iou), confusion_.mean(&C::dice), confusion_.mean(&C::precision),
            confusion_.mean(&C::recall), confusion_.accuracy()};
  }
  nlohmann::json details() const override { return confusion_.to_json(); }

 private:
  Confusion confusion_;
  SegmentationTask options_;
};

class Segmentation : public Task {
 public:
  explicit Segmentation(const SegmentationTask& options) : options_(options) {
    if (options_.loss.terms.empty()) {
      options_.loss.terms = {{.kind = "cross_entropy"}, {.kind = "dice"}};
    }
  }
  std::string name() const override { return "segmentation"; }

  void check(const at::Tensor& output, const Batch& batch) const override {
    const auto channels = static_cast<int64_t>(std::max<size_t>(options_.classes.size(), 1));
    if (output.dim() == 4 && output.size(0) == batch.target.size(0) && output.size(1) == channels &&
        output.is_floating_point()) {
      return;
    }
    fail_user(
        "segmentation of {} needs an output f32[{}, {}, H, W], and the network gives {}; a head "
        "with {} is needed (classes = {})",
        options_.classes.empty() ? "the foreground" : fmt::format("{} classes", channels),
        batch.target.size(0), channels, type_text(output),
        channels == 1 ? "one channel" : fmt::format("{} channels", channels), channels);
  }
  at::Tensor loss(const at::Tensor& output, const Batch& batch) const override {
    return class_loss(options_.loss, {sized(output, options_.form, batch.target), batch.target});
  }
  std::vector<Metric> metrics() const override {
    if (options_.classes.empty()) {
      return {
          {"iou", true}, {"iou_mean", true}, {"dice", true}, {"precision", true}, {"recall", true}};
    }
    return {
        {"iou", true}, {"dice", true}, {"precision", true}, {"recall", true}, {"accuracy", true}};
  }
  std::unique_ptr<Score> score() const override {
    if (options_.classes.empty()) return std::make_unique<ForegroundScore>(options_.form);
    return std::make_unique<ClassesScore>(options_);
  }
  at::Tensor predict(const at::Tensor& output, const Batch& batch) const override {
    const bool exclusive = !options_.classes.empty() && !options_.overlapping;
    const at::Tensor found = found_in(sized(output, options_.form, batch.target), exclusive);
    return (exclusive ? found.unsqueeze(1) : found).to(at::kFloat);
  }

 private:
  SegmentationTask options_;
};

}  // namespace

std::unique_ptr<Task> segmentation_task(const SegmentationTask& options) {
  return std::make_unique<Segmentation>(options);
}

}  // namespace rung
