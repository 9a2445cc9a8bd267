#pragma once

#include <ATen/ATen.h>

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace rung {

/// Image files as tensors [C, H, W], u8 of pictures. All are read when the store is made, so that
/// every broken file is found before training begins; those beyond the budget are let go and read
/// again when asked for.
class ImageStore {
 public:
  using Read = std::function<at::Tensor(const std::filesystem::path&)>;
  static constexpr int64_t kBudget = int64_t{4} << 30;  ///< bytes kept
  /// Throws a user error that names the broken files.
  ImageStore(std::vector<std::filesystem::path> files, Read read, int64_t budget = kBudget);

  int64_t size() const { return static_cast<int64_t>(files_.size()); }
  const std::filesystem::path& file(int64_t index) const {
    return files_[static_cast<size_t>(index)];
  }
  at::Tensor get(int64_t index) const;
  /// [C, H, W]
  std::vector<int64_t> shape(int64_t index) const { return shapes_[static_cast<size_t>(index)]; }
  /// A number for the content of each image; equal ones are the same pixels.
  const std::vector<uint64_t>& digests() const { return digests_; }

 private:
  std::vector<std::filesystem::path> files_;
  Read read_;
  std::vector<uint64_t> digests_;
  std::vector<at::Tensor> kept_;  ///< undefined: beyond the budget
  std::vector<std::vector<int64_t>> shapes_;
};

/// Reads pictures with 1 or 3 channels, brought to a height and width (averaged over areas) where
/// they are given.
ImageStore::Read picture_reader(int channels,
                                std::optional<std::pair<int64_t, int64_t>> size = std::nullopt);

/// Whether its name begins with a dot, as what file managers and notebooks leave behind.
bool is_hidden(const std::filesystem::path& path);

/// What is right inside a folder, in the order of names, but hidden entries.
struct FolderImages {
  std::vector<std::filesystem::path> files;     ///< .png, .jpg, .jpeg
  std::vector<std::filesystem::path> left_out;  ///< files that are none of these
};
/// Throws a user error where the folder cannot be read or holds no image.
FolderImages image_files(const std::filesystem::path& folder);

/// "3 files of images/ are left out, being no images: a.tif, b.tif, c.txt", or nothing.
std::vector<std::string> left_out_note(const std::vector<std::filesystem::path>& left_out);

}  // namespace rung
