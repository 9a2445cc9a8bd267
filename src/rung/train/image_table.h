#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rung/io/csv.h"
#include "rung/train/augment.h"
#include "rung/train/dataset.h"
#include "rung/train/image_store.h"

namespace rung {

/// A table with a column `file`, an image a row, and, where they are there, `split` (train, val,
/// test) and `group`, whose images stay in one part.
struct ImageTable {
  Csv csv;
  std::vector<std::filesystem::path> files;  ///< in the order of the rows
};

/// "columns of FILE that are not read: a, b", or nothing; `read` are columns that are, as `split`
/// and `group` always are.
std::vector<std::string> unread_note(const Csv& csv, const std::vector<size_t>& read);
/// The files that a column names, relative to `root`. Throws a user error with the line of one that
/// is not there.
std::vector<std::filesystem::path> files_of(const Csv& csv, size_t column,
                                            const std::filesystem::path& root);

/// Throws a user error that names file and line: no such file, a file that stands there twice.
ImageTable load_image_table(const std::filesystem::path& table, const std::filesystem::path& root);

/// Images and what is said of each.
struct ImageSource {
  at::Tensor memory;  ///< u8 [N, C, H, W]
  std::shared_ptr<const ImageStore> files;
  at::Tensor truth;  ///< of each image: i64 [N], or f32 [N, …]

  at::Tensor image(int64_t i) const { return files ? files->get(i) : memory[i]; }
  std::vector<int64_t> shape(int64_t i) const {
    return files ? files->shape(i) : memory.sizes().slice(1).vec();
  }
};

/// Chosen images of a source, changed at random in training.
class SourceImages : public Dataset {
 public:
  SourceImages(std::shared_ptr<const ImageSource> source, std::vector<int64_t> chosen, Augment how)
      : source_(std::move(source)), chosen_(std::move(chosen)), augment_(how) {}

  int64_t size() const override { return static_cast<int64_t>(chosen_.size()); }
  std::vector<int64_t> shape(int64_t index, bool) const override {
    return source_->shape(chosen_[static_cast<size_t>(index)]);
  }
  Batch batch(std::span<const int64_t> indices, Rng* rng) const override {
    std::vector<at::Tensor> images, truths;
    for (const int64_t index : indices) {
      const int64_t i = chosen_[static_cast<size_t>(index)];
      at::Tensor image = source_->image(i).to(at::kFloat).div_(255);
      at::Tensor no_mask;
      if (rng != nullptr) augment(augment_, *rng, image, no_mask);
      images.push_back(std::move(image));
      truths.push_back(source_->truth[i]);
    }
    return {at::stack(images), at::stack(truths)};
  }

 private:
  std::shared_ptr<const ImageSource> source_;
  std::vector<int64_t> chosen_;
  Augment augment_;
};

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
