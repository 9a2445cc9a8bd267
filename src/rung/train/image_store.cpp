#include "rung/train/image_store.h"

#include <algorithm>
#include <cctype>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/exec/eager/convert.h"
#include "rung/io/image.h"
#include "rung/train/digest.h"

namespace rung {
namespace {

bool is_image(const std::filesystem::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return extension == ".png" || extension == ".jpg" || extension == ".jpeg";
}

[[noreturn]] void fail_broken(const std::vector<std::string>& broken, size_t files) {
  constexpr size_t kShown = 10;
  if (broken.size() == 1) fail_user("{}", broken.front());
  std::string text;
  for (size_t i = 0; i < std::min(broken.size(), kShown); ++i) text += "\n  " + broken[i];
  if (broken.size() > kShown) text += fmt::format("\n  and {} more", broken.size() - kShown);
  fail_user("{} of {} files cannot be used:{}", broken.size(), files, text);
}

}  // namespace

ImageStore::ImageStore(std::vector<std::filesystem::path> files, Read read, int64_t budget)
    : files_(std::move(files)), read_(std::move(read)) {
  kept_.resize(files_.size());
  int64_t bytes = 0;
  std::vector<std::string> broken;
  for (size_t i = 0; i < files_.size(); ++i) {
    at::Tensor image;
    try {
      image = read_(files_[i]).contiguous();
    } catch (const Error& error) {
      broken.emplace_back(error.what());
      continue;
    }
    shapes_.push_back(image.sizes().vec());
    digests_.push_back(digest_of(image));
    bytes += static_cast<int64_t>(image.nbytes());
    if (bytes <= budget) kept_[i] = std::move(image);
  }
  if (!broken.empty()) fail_broken(broken, files_.size());
}

at::Tensor ImageStore::get(int64_t index) const {
  const auto i = static_cast<size_t>(index);
  return kept_[i].defined() ? kept_[i] : read_(files_[i]);
}

ImageStore::Read picture_reader(int channels, std::optional<std::pair<int64_t, int64_t>> size) {
  return [=](const std::filesystem::path& file) {
    const at::Tensor image = to_torch(load_image(file, {.channels = channels}));
    if (!size) return image;
    const auto [height, width] = *size;
    if (image.size(1) == height && image.size(2) == width) return image;
    const at::Tensor resized =
        at::adaptive_avg_pool2d(image.to(at::kFloat).unsqueeze(0), {height, width});
    return resized.squeeze(0).round().to(at::kByte);
  };
}

bool is_hidden(const std::filesystem::path& path) {
  return path.filename().string().starts_with('.');
}

FolderImages image_files(const std::filesystem::path& folder) {
  std::error_code error;
  FolderImages out;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (is_hidden(entry.path()) || entry.is_directory()) continue;
    (is_image(entry.path()) ? out.files : out.left_out).push_back(entry.path());
  }
  if (error) fail_user("cannot read the folder {}: {}", folder.string(), error.message());
  std::sort(out.files.begin(), out.files.end());
  std::sort(out.left_out.begin(), out.left_out.end());
  if (out.files.empty()) {
    fail_user("the folder {} holds no image (.png, .jpg, .jpeg){}", folder.string(),
              out.left_out.empty() ? ""
                                   : fmt::format("; other files are there, such as {}",
                                                 out.left_out.front().filename().string()));
  }
  return out;
}

std::vector<std::string> left_out_note(const std::vector<std::filesystem::path>& left_out) {
  constexpr size_t kShown = 8;
  if (left_out.empty()) return {};
  std::vector<std::string> names;
  for (size_t i = 0; i < std::min(left_out.size(), kShown); ++i) {
    names.push_back(left_out[i].filename().string());
  }
  if (left_out.size() > kShown) names.emplace_back("…");
  const bool one = left_out.size() == 1;
  return {fmt::format("{} of {} {} left out, being no image (.png, .jpg, .jpeg): {}",
                      one ? "1 file" : fmt::format("{} files", left_out.size()),
                      left_out.front().parent_path().string(), one ? "is" : "are",
                      join(names, ", "))};
}

}  // namespace rung
