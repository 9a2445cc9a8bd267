#include "rung/train/regression_data.h"

#include <algorithm>
#include <cmath>

#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/base/text.h"
#include "rung/train/columns.h"
#include "rung/train/digest.h"
#include "rung/train/image_table.h"
#include "rung/train/split.h"

namespace rung {
namespace {

namespace fs = std::filesystem;

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

/// Refuses columns in which there is nothing to learn.
void check_varied(const std::vector<ColumnScale>& scales, const std::string& table, size_t rows) {
  for (const auto& scale : scales) {
    if (!is_constant(scale)) continue;
    fail_user(
        "{}: column {} is {} in all {} rows to train on, so there is nothing to learn\n"
        "  fix     leave it out of data.targets, or give rows in which it differs",
        table, quoted(scale.name), scale.mean, rows);
  }
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

}  // namespace

OpenedData open_regression(const RegressionData& options) {
  if (options.table.empty()) fail_user("regression data needs data.table");
  const fs::path root = options.root.empty() ? options.table.parent_path() : options.root;
  const ImageTable table = load_image_table(options.table, root);
  const auto columns = target_columns(table.csv, options.targets);
  const at::Tensor values = read_columns(table.csv, columns);
  OpenedData out;
  auto known = columns;
  known.push_back(table.csv.column("file"));
  out.notes = unread_note(table.csv, known);
  Split split = split_table(table.csv, {},
                            {.validation = options.validation,
                             .test = options.test,
                             .fold = options.fold,
                             .seed = options.seed});
  if (options.limit > 0 && options.limit < static_cast<int64_t>(split.train.size())) {
    split.train.resize(static_cast<size_t>(options.limit));
  }
  const bool is_new = options.scales.empty();
  const auto scales =
      is_new ? measure_columns(table.csv, columns, values, split.train) : given(options);
  if (is_new) check_varied(scales, options.table.string(), split.train.size());
  const auto source = std::make_shared<ImageSource>();
  source->truth = scaled(values, scales);
  source->files =
      open_pictures(table.files, root, {.channels = options.channels, .size = options.size}, out);
  out.digests.push_back({options.table.filename().string(), digest_of(read_file(options.table))});
  out.names = options.targets;
  for (const auto& scale : scales) out.scales.emplace_back(scale.mean, scale.deviation);
  if (scales.size() > 1) {
    out.notes.emplace_back(
        "mae and rmse are means over the targets, in standard deviations of the training part; the "
        "table of targets has each one in its own unit");
  }
  const auto part = [&](const std::vector<int64_t>& chosen, const Augment& how) {
    return std::make_shared<SourceImages>(source, chosen, how);
  };
  out.parts = {part(split.train, options.augment), part(split.validation, {}),
               part(split.test, {})};
  out.text =
      fmt::format("{}; {} images to train, {} to validate, {} to test", join(options.targets, ", "),
                  split.train.size(), split.validation.size(), split.test.size());
  return out;
}

}  // namespace rung
