#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rung/io/csv.h"
#include "rung/train/dataset.h"
#include "rung/train/image_store.h"

namespace rung {

/// A table with a column `file`, an image a row, and, where they are there, `split` (train, val,
/// test) and `group`, whose images stay in one part.
struct ImageTable {
  Csv csv;
  std::filesystem::path root;                ///< the files are relative to it
  std::vector<std::filesystem::path> files;  ///< in the order of the rows

  /// "columns of FILE that are not read: a, b", or nothing; `read` are columns that are.
  std::vector<std::string> unread_note(const std::vector<size_t>& read) const;
};

/// Throws a user error that names file and line: no such file, a file that stands there twice.
ImageTable load_image_table(const std::filesystem::path& table, const std::filesystem::path& root);

/// How pictures that stand in one batch are read.
struct PictureForm {
  int channels = 3;  ///< 1 or 3
  std::optional<std::pair<int64_t, int64_t>> size = std::nullopt;
};

/// The pictures, of one size; their digests, named relative to `root`, and the size go to `out`.
/// Throws a user error where sizes differ.
std::shared_ptr<const ImageStore> open_pictures(std::vector<std::filesystem::path> files,
                                                const std::filesystem::path& root,
                                                const PictureForm& form, OpenedData& out);

}  // namespace rung
