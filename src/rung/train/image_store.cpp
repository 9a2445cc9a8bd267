#include "rung/train/image_store.h"

#include <algorithm>
#include <cctype>

#include "rung/base/error.h"
#include "rung/exec/eager/convert.h"

namespace rung {
namespace {

bool is_image(const std::filesystem::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return extension == ".png" || extension == ".jpg" || extension == ".jpeg";
}

}  // namespace

ImageStore::ImageStore(std::vector<std::filesystem::path> files, const Options& options)
    : files_(std::move(files)), options_(options) {
  kept_.resize(files_.size());
  int64_t bytes = 0;
  for (size_t i = 0; i < files_.size(); ++i) {
    at::Tensor image = read(i);
    shapes_.push_back(image.sizes().vec());
    bytes += image.numel();
    if (bytes <= options_.budget) kept_[i] = std::move(image);
  }
}

at::Tensor ImageStore::read(size_t index) const {
  at::Tensor image = to_torch(load_image(files_[index], {.channels = options_.channels}));
  if (!options_.size) return image;
  const auto [height, width] = *options_.size;
  if (image.size(1) == height && image.size(2) == width) return image;
  const at::Tensor resized =
      at::adaptive_avg_pool2d(image.to(at::kFloat).unsqueeze(0), {height, width});
  return resized.squeeze(0).round().to(at::kByte);
}

at::Tensor ImageStore::get(int64_t index) const {
  const auto i = static_cast<size_t>(index);
  return kept_[i].defined() ? kept_[i] : read(i);
}

bool is_hidden(const std::filesystem::path& path) {
  return path.filename().string().starts_with('.');
}

std::vector<std::filesystem::path> image_files(const std::filesystem::path& folder) {
  std::error_code error;
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (is_image(entry.path()) && !is_hidden(entry.path())) files.push_back(entry.path());
  }
  if (error) fail_user("cannot read the folder {}: {}", folder.string(), error.message());
  if (files.empty()) {
    fail_user("the folder {} holds no image (.png, .jpg, .jpeg)", folder.string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace rung
