#include <ATen/ATen.h>

#include <cmath>

#include "rung/base/error.h"
#include "rung/ops/eager.h"
#include "rung/train/task.h"

namespace rung {
namespace {

/// Sums over the samples of one column, in standard deviations from its mean.
struct ColumnErrors {
  double absolute = 0, square = 0;  ///< of what was said less the truth
  double truth = 0, truth_square = 0;

  double mae(double count) const { return absolute / count; }
  double rmse(double count) const { return std::sqrt(square / count); }
  /// The share of the truth's variance that is explained; 0 where the truth does not vary.
  double r2(double count) const {
    const double variance = truth_square - truth * truth / count;
    return variance > 1e-12 * truth_square ? 1 - square / variance : 0;
  }
};

class RegressionScore : public Score {
 public:
  explicit RegressionScore(const std::vector<ColumnScale>& targets)
      : targets_(targets), columns_(targets.size()) {}

  void add(const at::Tensor& output, const Batch& batch) override {
    const at::Tensor truth = batch.target.to(at::kDouble);
    const at::Tensor error = output.to(at::kDouble) - truth;
    const auto sums = [](const at::Tensor& values) { return values.sum(0).cpu(); };
    const at::Tensor absolute = sums(error.abs()), square = sums(error.square());
    const at::Tensor total = sums(truth), truth_square = sums(truth.square());
    for (size_t k = 0; k < columns_.size(); ++k) {
      const auto at = static_cast<int64_t>(k);
      columns_[k].absolute += absolute[at].item<double>();
      columns_[k].square += square[at].item<double>();
      columns_[k].truth += total[at].item<double>();
      columns_[k].truth_square += truth_square[at].item<double>();
    }
    count_ += static_cast<double>(truth.size(0));
  }

  std::vector<double> values() const override {
    if (count_ == 0) return {0, 0, 0};
    double mae = 0, rmse = 0, r2 = 0;
    const bool one = columns_.size() == 1;  // else units differ, and deviations are added up
    for (size_t k = 0; k < columns_.size(); ++k) {
      const double unit = one ? targets_[k].deviation : 1;
      mae += columns_[k].mae(count_) * unit;
      rmse += columns_[k].rmse(count_) * unit;
      r2 += columns_[k].r2(count_);
    }
    const auto n = static_cast<double>(columns_.size());
    return {mae / n, rmse / n, r2 / n};
  }

  nlohmann::json details() const override {
    nlohmann::json out = {{"targets", nlohmann::json::array()}};
    for (size_t k = 0; count_ > 0 && k < columns_.size(); ++k) {
      out["targets"].push_back({{"name", targets_[k].name},
                                {"mae", columns_[k].mae(count_) * targets_[k].deviation},
                                {"rmse", columns_[k].rmse(count_) * targets_[k].deviation},
                                {"r2", columns_[k].r2(count_)}});
    }
    return out;
  }

 private:
  std::vector<ColumnScale> targets_;
  std::vector<ColumnErrors> columns_;
  double count_ = 0;
};

class Regression : public Task {
 public:
  explicit Regression(const RegressionTask& options) : options_(options) {
    if (options_.loss.terms.empty()) options_.loss.terms = {{.kind = "mse"}};
  }
  std::string name() const override { return "regression"; }

  void check(const at::Tensor& output, const Batch& batch) const override {
    const int64_t n = batch.target.size(0), k = batch.target.size(1);
    if (output.dim() == 2 && output.size(0) == n && output.size(1) == k &&
        output.is_floating_point()) {
      return;
    }
    fail_user("regression of {} needs an output f32[{}, {}], and the network gives {}",
              k == 1 ? "1 column" : fmt::format("{} columns", k), n, k, type_text(output));
  }
  at::Tensor loss(const at::Tensor& output, const Batch& batch) const override {
    return number_loss(options_.loss, output.to(at::kFloat), batch.target);
  }
  std::vector<Metric> metrics() const override {
    return {{"mae", false}, {"rmse", false}, {"r2", true}};
  }
  std::unique_ptr<Score> score() const override {
    return std::make_unique<RegressionScore>(options_.targets);
  }
  at::Tensor predict(const at::Tensor& output, const Batch&) const override {
    std::vector<float> means, deviations;
    for (const auto& target : options_.targets) {
      means.push_back(static_cast<float>(target.mean));
      deviations.push_back(static_cast<float>(target.deviation));
    }
    const at::Tensor values = output.to(at::kFloat);
    const auto on = [&](const std::vector<float>& numbers) {
      return at::tensor(numbers, at::kFloat).to(values.device());
    };
    return values * on(deviations) + on(means);
  }

 private:
  RegressionTask options_;
};

}  // namespace

std::unique_ptr<Task> regression_task(const RegressionTask& options) {
  return std::make_unique<Regression>(options);
}

}  // namespace rung
