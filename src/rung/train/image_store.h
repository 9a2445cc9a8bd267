#pragma once

#include <ATen/ATen.h>

#include <filesystem>
#include <optional>
#include <vector>

#include "rung/io/image.h"

namespace rung {

/// Image files as u8 tensors [C, H, W]. All are read when the store is made, so that a broken file
/// is found before training begins; those beyond the budget are let go and read again when asked
/// for.
class ImageStore {
 public:
  struct Options {
    int channels = 3;
    /// Height and width to bring every image to (averaged over areas); missing: as they are.
    std::optional<std::pair<int64_t, int64_t>> size = std::nullopt;
    int64_t budget = int64_t{4} << 30;  ///< bytes kept
  };
  ImageStore(std::vector<std::filesystem::path> files, const Options& options);

  int64_t size() const { return static_cast<int64_t>(files_.size()); }
  const std::filesystem::path& file(int64_t index) const {
    return files_[static_cast<size_t>(index)];
  }
  at::Tensor get(int64_t index) const;
  /// [C, H, W]
  std::vector<int64_t> shape(int64_t index) const { return shapes_[static_cast<size_t>(index)]; }

 private:
  at::Tensor read(size_t index) const;

  std::vector<std::filesystem::path> files_;
  Options options_;
  std::vector<at::Tensor> kept_;  ///< undefined: beyond the budget
  std::vector<std::vector<int64_t>> shapes_;
};

/// Whether its name begins with a dot, as what file managers and notebooks leave behind.
bool is_hidden(const std::filesystem::path& path);

/// The image files (.png, .jpg, .jpeg) right inside a folder, in the order of their names, but
/// hidden ones. Throws a user error where the folder cannot be read or holds none.
std::vector<std::filesystem::path> image_files(const std::filesystem::path& folder);

}  // namespace rung
