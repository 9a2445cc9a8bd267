#include <torch/torch.h>

#include <algorithm>

#include "rung/base/error.h"
#include "rung/ops/eager.h"
#include "rung/train/task.h"

namespace rung {
namespace {

class Forecasting : public Task {
 public:
  explicit Forecasting(const ForecastingTask& options) : options_(options) {
    if (options_.loss.terms.empty()) options_.loss.terms = {{.kind = "mse"}};
    known_ = std::none_of(options.places.begin(), options.places.end(),
                          [](int64_t place) { return place < 0; });
    if (!known_ && (options.dense || options.relative)) {
      fail_user("data.{} needs every target among the inputs",
                options.dense ? "dense" : "relative");
    }
  }
  std::string name() const override { return "forecasting"; }

  void check(const at::Tensor& output, const Batch& batch) const override {
    const int64_t n = batch.target.size(0), h = options_.horizon, f = batch.target.size(2);
    const int64_t steps = batch.input.size(1) + h;
    if (options_.dense) {
      if (output.dim() == 3 && output.size(1) == steps && output.size(2) == f) return;
      fail_user(
          "data.dense needs an output f32[{}, {}, {}] (window + horizon steps), and the "
          "network gives {}",
          n, steps, f, type_text(output));
    }
    const bool vector = output.dim() == 2 && output.size(1) == h * f;
    const bool sequence = output.dim() == 3 && output.size(1) >= h && output.size(2) == f;
    if ((vector || sequence) && output.size(0) == n) return;
    fail_user(
        "predicting {} rows of {} columns needs an output f32[{}, {}] or f32[{}, T, {}] with "
        "T of {} or more, and the network gives {}",
        h, f, n, h * f, n, f, h, type_text(output));
  }

  at::Tensor loss(const at::Tensor& output, const Batch& batch) const override {
    if (!options_.dense) {
      return number_loss(options_.loss, predicted(output, batch), batch.target);
    }
    const at::Tensor window = seen(batch);
    at::Tensor rows = output.to(at::kFloat);
    const int64_t t = window.size(1);
    // Step t speaks of row t + 1; the steps behind the window speak from its last row.
    if (options_.relative) {
      const at::Tensor last = window.narrow(1, t - 1, 1).expand({-1, options_.horizon, -1});
      rows = rows + at::cat({window, last}, 1);
    }
    const at::Tensor next =
        at::cat({window.narrow(1, 1, t - 1), batch.target.narrow(1, 0, 1), batch.target}, 1);
    return number_loss(options_.loss, rows, next);
  }

  std::vector<Metric> metrics() const override {
    if (!known_) return {{"mse", false}, {"mae", false}};
    return {{"mse", false}, {"mae", false}, {"mse_repeat", false}, {"mae_repeat", false}};
  }
  std::unique_ptr<Score> score() const override;
  at::Tensor predict(const at::Tensor& output, const Batch& batch) const override {
    return predicted(output, batch);
  }

  bool known() const { return known_; }
  /// The last row of the window, for every row that comes next.
  at::Tensor repeated(const Batch& batch) const {
    const at::Tensor window = seen(batch);
    return window.narrow(1, window.size(1) - 1, 1).expand_as(batch.target);
  }
  at::Tensor predicted(const at::Tensor& output, const Batch& batch) const {
    at::Tensor rows = output.to(at::kFloat);
    rows = rows.dim() == 2 ? rows.reshape(batch.target.sizes())
                           : rows.narrow(1, rows.size(1) - options_.horizon, options_.horizon);
    return options_.relative ? rows + repeated(batch) : rows;
  }

 private:
  /// The targets' columns of the window.
  at::Tensor seen(const Batch& batch) const {
    const at::Tensor places = at::tensor(options_.places, at::kLong).to(batch.input.device());
    return batch.input.index_select(2, places);
  }

  ForecastingTask options_;
  bool known_ = true;  ///< every target is an input
};

class Errors : public Score {
 public:
  explicit Errors(const Forecasting& task) : task_(task) {}
  void add(const at::Tensor& output, const Batch& batch) override {
    const auto add_error = [&](size_t at, const at::Tensor& rows) {
      const at::Tensor error = (rows - batch.target).to(at::kDouble);
      sums_[at] += error.square().sum().item<double>();
      sums_[at + 1] += error.abs().sum().item<double>();
    };
    add_error(0, task_.predicted(output, batch));
    if (task_.known()) add_error(2, task_.repeated(batch));
    count_ += static_cast<double>(batch.target.numel());
  }
  std::vector<double> values() const override {
    std::vector<double> out;
    for (size_t i = 0; i < (task_.known() ? 4 : 2); ++i) {
      out.push_back(count_ > 0 ? sums_[i] / count_ : 0);
    }
    return out;
  }

 private:
  const Forecasting& task_;
  double sums_[4] = {};
  double count_ = 0;
};

std::unique_ptr<Score> Forecasting::score() const { return std::make_unique<Errors>(*this); }

}  // namespace

std::unique_ptr<Task> forecasting_task(const ForecastingTask& options) {
  return std::make_unique<Forecasting>(options);
}

}  // namespace rung
