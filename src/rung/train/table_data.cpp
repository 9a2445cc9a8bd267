#include "rung/train/table_data.h"

#include <algorithm>

#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/base/text.h"
#include "rung/io/csv.h"
#include "rung/train/classification_data.h"
#include "rung/train/columns.h"
#include "rung/train/digest.h"
#include "rung/train/image_table.h"
#include "rung/train/split.h"

namespace rung {
namespace {

namespace fs = std::filesystem;

/// A value of each row: of files, or in memory.
struct Column {
  std::shared_ptr<const ImageStore> files = nullptr;
  at::Tensor values = {};  ///< [N, …]
  bool mask = false;       ///< files of masks
  bool exclusive = false;  ///< masks of classes, one a pixel

  std::vector<int64_t> shape(int64_t row) const {
    return files ? files->shape(row) : values.sizes().slice(1).vec();
  }
  at::Tensor get(int64_t row) const {
    if (!files) return values[row];
    const at::Tensor pixels = files->get(row);
    if (!mask) return pixels.to(at::kFloat).div_(255);
    return mask_truth(pixels, exclusive);
  }
};

struct Columns {
  std::vector<Column> inputs, targets;
};

class TableRows : public Dataset {
 public:
  TableRows(std::shared_ptr<const Columns> columns, std::vector<int64_t> rows)
      : columns_(std::move(columns)), rows_(std::move(rows)) {}

  int64_t size() const override { return static_cast<int64_t>(rows_.size()); }
  /// The shapes of all inputs and targets, one behind the other.
  std::vector<int64_t> shape(int64_t index, bool) const override {
    std::vector<int64_t> out;
    for (const auto* side : {&columns_->inputs, &columns_->targets}) {
      for (const Column& column : *side) {
        const auto shape = column.shape(rows_[static_cast<size_t>(index)]);
        out.insert(out.end(), shape.begin(), shape.end());
      }
    }
    return out;
  }
  Batch batch(std::span<const int64_t> indices, Rng*) const override {
    auto inputs = stacked(columns_->inputs, indices), targets = stacked(columns_->targets, indices);
    Batch out{inputs[0], targets[0]};
    out.more_inputs.assign(inputs.begin() + 1, inputs.end());
    out.more_targets.assign(targets.begin() + 1, targets.end());
    return out;
  }

 private:
  std::vector<at::Tensor> stacked(const std::vector<Column>& columns,
                                  std::span<const int64_t> indices) const {
    std::vector<at::Tensor> out;
    for (const Column& column : columns) {
      std::vector<at::Tensor> rows;
      for (const int64_t index : indices) {
        rows.push_back(column.get(rows_[static_cast<size_t>(index)]));
      }
      out.push_back(at::stack(rows));
    }
    return out;
  }

  std::shared_ptr<const Columns> columns_;
  std::vector<int64_t> rows_;
};

/// Reads the columns of a table, and remembers which it read.
class TableReader {
 public:
  TableReader(const Csv& csv, const TableData& options, OpenedData& out)
      : csv_(csv), root_(options.csv.parent_path()), out_(out) {}

  size_t column(const std::string& name) {
    read_.push_back(csv_.column(name));
    return read_.back();
  }

  std::shared_ptr<const ImageStore> files(const std::string& name, ImageStore::Read read) {
    const size_t at = column(name);
    const auto store = std::make_shared<ImageStore>(files_of(csv_, at, root_), std::move(read));
    for (int64_t i = 0; i < store->size(); ++i) {
      out_.digests.push_back({name + ": " + csv_.rows[static_cast<size_t>(i)][at],
                              store->digests()[static_cast<size_t>(i)]});
    }
    return store;
  }

  /// Columns of numbers, scaled by those of the rows to train on.
  at::Tensor numbers(const std::vector<std::string>& names, const std::vector<int64_t>& train,
                     std::vector<ColumnScale>& scales) {
    std::vector<size_t> columns;
    for (const auto& name : names) columns.push_back(column(name));
    const at::Tensor values = read_columns(csv_, columns);
    const auto measured = measure_columns(csv_, columns, values, train);
    for (const auto& scale : measured) {
      if (!is_constant(scale)) continue;
      fail_user("{}: the column {} is {} in every row to train on", csv_.file, quoted(scale.name),
                scale.mean);
    }
    scales.insert(scales.end(), measured.begin(), measured.end());
    return scaled(values, measured);
  }

  void note_unread() const {
    for (auto& note : rung::unread_note(csv_, read_)) out_.notes.push_back(std::move(note));
  }

 private:
  const Csv& csv_;
  fs::path root_;
  OpenedData& out_;
  std::vector<size_t> read_;
};

Column read_input(const TableInput& input, TableReader& table, const std::vector<int64_t>& train,
                  OpenedData& out) {
  if (input.image.empty()) return {.values = table.numbers(input.numbers, train, out.inputs)};
  if (!out.size) out.size = input.size;
  return {.files = table.files(input.image, picture_reader(input.channels, input.size))};
}

Column read_mask_column(const TableTarget& target, TableReader& table, OpenedData& out) {
  out.names = class_names(target.meaning);
  out.colors = class_colors(target.meaning);
  return {.files = table.files(target.mask,
                               [meaning = target.meaning](const fs::path& file) {
                                 return read_mask(file, meaning);
                               }),
          .mask = true,
          .exclusive = !out.names.empty()};
}

/// How often each class is there in the rows to train on.
std::vector<int64_t> count(const Column& column, const std::vector<int64_t>& train,
                           size_t classes) {
  if (!column.mask) {
    const at::Tensor chosen = column.values.index_select(0, at::tensor(train, at::kLong));
    const at::Tensor sums = at::bincount(chosen, {}, static_cast<int64_t>(classes));
    return {sums.data_ptr<int64_t>(), sums.data_ptr<int64_t>() + classes};
  }
  std::vector<int64_t> counts(std::max<size_t>(classes, 2));
  for (const int64_t row : train) count_pixels(column.files->get(row), counts);
  return counts;
}

/// Refuses what cannot be learned from the rows to train on, all of one class, and names the
/// classes that are in none of them.
void check_counts(const TableTarget& target, OpenedData& meaning, const std::string& file) {
  const std::string& column = target.label.empty() ? target.mask : target.label;
  const auto there =
      std::count_if(meaning.counts.begin(), meaning.counts.end(), [](int64_t n) { return n > 0; });
  if (there < 2) {
    fail_user("{}: all rows to train on are of one class by the column {}", file, quoted(column));
  }
  for (size_t c = 0; c < meaning.names.size(); ++c) {
    if (meaning.counts[c] > 0) continue;
    meaning.notes.push_back(
        fmt::format("class {} of the column {} is in no row to train on, so it cannot be learned",
                    quoted(meaning.names[c]), quoted(column)));
  }
}

Column read_target(const TableTarget& target, const Csv& csv, TableReader& table,
                   const std::vector<int64_t>& train, OpenedData& out) {
  Column column;
  if (!target.label.empty()) {
    column.values = read_labels(csv, {table.column(target.label)}, out.names, out.notes);
  } else if (!target.mask.empty()) {
    column = read_mask_column(target, table, out);
  } else {
    std::vector<ColumnScale> scales;
    column.values = table.numbers(target.numbers, train, scales);
    for (const auto& scale : scales) {
      out.names.push_back(scale.name);
      out.scales.emplace_back(scale.mean, scale.deviation);
    }
    return column;
  }
  out.counts = count(column, train, out.names.size());
  check_counts(target, out, csv.file);
  return column;
}

/// Masks are as large as the first input of images.
void check_masks(const Columns& columns, const Csv& csv) {
  const auto images = std::find_if(columns.inputs.begin(), columns.inputs.end(),
                                   [](const Column& column) { return column.files != nullptr; });
  for (const Column& target : columns.targets) {
    if (!target.mask) continue;
    if (images == columns.inputs.end()) fail_user("{}: masks need an input of images", csv.file);
    for (int64_t row = 0; row < target.files->size(); ++row) {
      const auto image = images->shape(row), mask = target.shape(row);
      if (image[1] == mask[1] && image[2] == mask[2]) continue;
      fail_user("{}:{}: {} is {} x {} and its mask {} is {} x {}", csv.file,
                csv.lines[static_cast<size_t>(row)], images->files->file(row).string(), image[1],
                image[2], target.files->file(row).string(), mask[1], mask[2]);
    }
  }
}

std::vector<int64_t> strata_of(const Csv& csv, const TableData& options) {
  for (const TableTarget& target : options.targets) {
    if (target.label.empty()) continue;
    std::vector<std::string> names, notes;
    const at::Tensor labels = read_labels(csv, {csv.column(target.label)}, names, notes);
    return {labels.data_ptr<int64_t>(), labels.data_ptr<int64_t>() + labels.numel()};
  }
  return {};
}

}  // namespace

OpenedData open_table(const TableData& options) {
  const Csv csv = load_csv(options.csv);
  const Split split = split_table(csv, strata_of(csv, options),
                                  {.validation = options.validation,
                                   .test = options.test,
                                   .fold = options.fold,
                                   .seed = options.seed});
  OpenedData out;
  out.digests.push_back({options.csv.filename().string(), digest_of(read_file(options.csv))});
  TableReader table(csv, options, out);
  const auto columns = std::make_shared<Columns>();
  for (const TableInput& input : options.inputs) {
    columns->inputs.push_back(read_input(input, table, split.train, out));
  }
  for (size_t i = 0; i < options.targets.size(); ++i) {
    OpenedData meaning;
    columns->targets.push_back(read_target(options.targets[i], csv, table, split.train, meaning));
    for (auto& note : meaning.notes) out.notes.push_back(std::move(note));
    meaning.notes.clear();
    if (i > 0) {
      out.more_targets.push_back(std::move(meaning));
      continue;
    }
    out.names = std::move(meaning.names);
    out.colors = std::move(meaning.colors);
    out.counts = std::move(meaning.counts);
    out.scales = std::move(meaning.scales);
  }
  check_masks(*columns, csv);
  table.note_unread();
  const auto part = [&](const std::vector<int64_t>& rows) {
    return std::make_shared<TableRows>(columns, rows);
  };
  out.parts = {part(split.train), part(split.validation), part(split.test)};
  out.text = fmt::format("{} inputs and {} targets; {} rows to train, {} to validate, {} to test",
                         options.inputs.size(), options.targets.size(), split.train.size(),
                         split.validation.size(), split.test.size());
  return out;
}

}  // namespace rung
