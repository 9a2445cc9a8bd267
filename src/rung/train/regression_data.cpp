#include "rung/train/regression_data.h"

#include <algorithm>
#include <cmath>

#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/base/text.h"
#include "rung/train/digest.h"
#include "rung/train/image_table.h"
#include "rung/train/split.h"

namespace rung {
namespace {

namespace fs = std::filesystem;

class MeasuredImages : public Dataset {
 public:
  MeasuredImages(std::shared_ptr<const ImageStore> images, at::Tensor targets,
                 std::vector<int64_t> chosen, Augment how)
      : images_(std::move(images)),
        targets_(std::move(targets)),
        chosen_(std::move(chosen)),
        augment_(how) {}

  int64_t size() const override { return static_cast<int64_t>(chosen_.size()); }
  std::vector<int64_t> shape(int64_t index, bool) const override {
    return images_->shape(chosen_[static_cast<size_t>(index)]);
  }
  Batch batch(std::span<const int64_t> indices, Rng* rng) const override {
    std::vector<at::Tensor> images, targets;
    for (const int64_t index : indices) {
      const int64_t i = chosen_[static_cast<size_t>(index)];
      at::Tensor image = images_->get(i).to(at::kFloat).div_(255);
      at::Tensor no_mask;
      if (rng != nullptr) augment(augment_, *rng, image, no_mask);
      images.push_back(std::move(image));
      targets.push_back(targets_[i]);
    }
    return {at::stack(images), at::stack(targets)};
  }

 private:
  std::shared_ptr<const ImageStore> images_;
  at::Tensor targets_;  ///< f32 [N, K], scaled
  std::vector<int64_t> chosen_;
  Augment augment_;
};

std::vector<size_t> target_columns(const Csv& csv, const std::vector<std::string>& targets) {
  if (targets.empty()) {
    fail_user("regression needs data.targets, columns of {}; its columns are {}", csv.file,
              join(csv.columns, ", "));
  }
  std::vector<size_t> columns;
  for (const auto& name : targets) {
    if (std::count(targets.begin(), targets.end(), name) > 1) {
      fail_user("data.targets names {} twice", quoted(name));
    }
    columns.push_back(csv.column(name));
  }
  return columns;
}

/// f64 [N, K]
at::Tensor read_targets(const Csv& csv, const std::vector<size_t>& columns) {
  at::Tensor out = at::empty(
      {static_cast<int64_t>(csv.rows.size()), static_cast<int64_t>(columns.size())}, at::kDouble);
  auto* value = out.data_ptr<double>();
  for (size_t row = 0; row < csv.rows.size(); ++row) {
    for (const size_t column : columns) *value++ = csv.number(row, column);
  }
  return out;
}

/// Mean and deviation of each column over the rows to train on.
std::vector<ColumnScale> measured(const at::Tensor& values, const std::vector<int64_t>& rows,
                                  const RegressionData& options) {
  const at::Tensor seen = values.index_select(0, at::tensor(rows, at::kLong));
  const at::Tensor means = seen.mean(0), deviations = seen.std(0, /*unbiased=*/false);
  std::vector<ColumnScale> scales;
  for (size_t k = 0; k < options.targets.size(); ++k) {
    const auto at = static_cast<int64_t>(k);
    const double mean = means[at].item<double>(), deviation = deviations[at].item<double>();
    if (!std::isfinite(mean) || !std::isfinite(deviation)) {
      fail_user("{}: the numbers of column {} are too large to be squared", options.table.string(),
                quoted(options.targets[k]));
    }
    if (deviation <= 1e-12 * std::abs(mean)) {
      fail_user(
          "{}: column {} is {} in all {} rows to train on, so there is nothing to learn\n"
          "  fix     leave it out of data.targets, or give rows in which it differs",
          options.table.string(), quoted(options.targets[k]), mean, rows.size());
    }
    scales.push_back({options.targets[k], mean, deviation});
  }
  return scales;
}

/// The scales that a network was trained with, which must be of these columns.
std::vector<ColumnScale> given(const RegressionData& options) {
  std::vector<std::string> names;
  for (const auto& scale : options.scales) names.push_back(scale.name);
  if (names == options.targets) return options.scales;
  fail_user(
      "the targets of the data are not those of the network\n  data     {}\n  network  {}\n"
      "  rule    a number of the output means the column that it was trained for, in that order",
      join(options.targets, ", "), join(names, ", "));
}

at::Tensor scaled(const at::Tensor& values, const std::vector<ColumnScale>& scales) {
  std::vector<double> means, deviations;
  for (const auto& scale : scales) {
    means.push_back(scale.mean);
    deviations.push_back(scale.deviation);
  }
  const at::Tensor mean = at::tensor(means, at::kDouble);
  return ((values - mean) / at::tensor(deviations, at::kDouble)).to(at::kFloat).contiguous();
}

}  // namespace

OpenedData open_regression(const RegressionData& options) {
  if (options.table.empty()) fail_user("regression data needs data.table");
  const fs::path root = options.root.empty() ? options.table.parent_path() : options.root;
  const ImageTable table = load_image_table(options.table, root);
  const auto columns = target_columns(table.csv, options.targets);
  const at::Tensor values = read_targets(table.csv, columns);
  OpenedData out;
  out.notes = table.unread_note(columns);
  Split split = split_table(table.csv, {},
                            {.validation = options.validation,
                             .test = options.test,
                             .fold = options.fold,
                             .seed = options.seed});
  if (options.limit > 0 && options.limit < static_cast<int64_t>(split.train.size())) {
    split.train.resize(static_cast<size_t>(options.limit));
  }
  const auto scales =
      options.scales.empty() ? measured(values, split.train, options) : given(options);
  const auto images =
      open_pictures(table.files, root, {.channels = options.channels, .size = options.size}, out);
  out.digests.push_back({options.table.filename().string(), digest_of(read_file(options.table))});
  out.names = options.targets;
  for (const auto& scale : scales) out.scales.emplace_back(scale.mean, scale.deviation);
  if (scales.size() > 1) {
    out.notes.emplace_back(
        "mae and rmse are means over the targets, in standard deviations of the training part; the "
        "table of targets has each one in its own unit");
  }
  const at::Tensor targets = scaled(values, scales);
  const auto part = [&](const std::vector<int64_t>& chosen, const Augment& how) {
    return std::make_shared<MeasuredImages>(images, targets, chosen, how);
  };
  out.parts = {part(split.train, options.augment), part(split.validation, {}),
               part(split.test, {})};
  out.text =
      fmt::format("{}; {} images to train, {} to validate, {} to test", join(options.targets, ", "),
                  split.train.size(), split.validation.size(), split.test.size());
  return out;
}

}  // namespace rung
