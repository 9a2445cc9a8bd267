#include "rung/train/image_regression_data.h"

#include <algorithm>
#include <limits>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/exec/eager/convert.h"
#include "rung/io/image.h"
#include "rung/io/numpy/npy.h"
#include "rung/train/image_pairs.h"

namespace rung {
namespace {

namespace fs = std::filesystem;

/// How a file holds its numbers; all of a folder hold them alike.
enum class TargetKind { kBytes, kWords, kNumbers };

std::string kind_text(TargetKind kind) {
  return kind == TargetKind::kBytes ? "8 bits" : kind == TargetKind::kWords ? "16 bits" : ".npy";
}

bool is_npy(const fs::path& file) { return file.extension() == ".npy"; }

TargetKind kind_of(const fs::path& file) {
  if (is_npy(file)) return TargetKind::kNumbers;
  return image_bits(file) == 16 ? TargetKind::kWords : TargetKind::kBytes;
}

/// [C, H, W] or [H, W] as f32 [C, H, W].
at::Tensor read_numbers(const fs::path& file) {
  const at::Tensor values = to_torch(load_npy(file));
  if (!values.is_floating_point()) {
    fail_user(
        "{} holds whole numbers, which may be levels of an image or measurements\n"
        "  fix     save it as floating numbers, array.astype('float32')",
        file.string());
  }
  if (values.dim() != 2 && values.dim() != 3) {
    fail_user("{} has shape {}; a target is [height, width] or [channels, height, width]",
              file.string(), to_string(values.sizes().vec()));
  }
  if (values.numel() == 0) fail_user("{} holds no number", file.string());
  const at::Tensor numbers = values.to(at::kFloat);
  if (numbers.isinf().any().item<bool>()) {
    fail_user("{} holds numbers that are infinite; what was not measured is nan", file.string());
  }
  return (numbers.dim() == 2 ? numbers.unsqueeze(0) : numbers).contiguous();
}

/// The numbers of files of one kind, as they stand there.
ImageStore::Read target_reader(TargetKind kind) {
  return [kind](const fs::path& file) {
    if (kind_of(file) != kind) {
      fail_user("{} is of {}, and other targets are of {}; all must be of one kind", file.string(),
                kind_text(kind_of(file)), kind_text(kind));
    }
    switch (kind) {
      case TargetKind::kNumbers:
        return read_numbers(file);
      case TargetKind::kWords:
        return to_torch(load_image(file, {.exact = true}));
      default:
        return to_torch(load_image(file));
    }
  };
}

struct TargetPairs {
  std::shared_ptr<const ImageStore> images, targets;
  TargetKind kind = TargetKind::kBytes;
  std::optional<double> ignore;

  /// f32 [C, H, W], no number where nothing was measured.
  at::Tensor target(int64_t i) const {
    const at::Tensor raw = targets->get(i);
    const at::Tensor values = raw.to(at::kFloat);
    const double full = kind == TargetKind::kBytes ? 255 : kind == TargetKind::kWords ? 65535 : 1;
    const at::Tensor scaled = full == 1 ? values : values / full;
    if (!ignore) return scaled;
    return scaled.masked_fill(values.eq(*ignore), std::numeric_limits<double>::quiet_NaN());
  }
};

/// The .npy files of a folder, or, where there are none, its images.
std::vector<fs::path> target_files(const fs::path& folder, std::vector<std::string>& notes) {
  std::error_code error;
  std::vector<fs::path> numbers;
  std::vector<std::string> others;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (is_hidden(entry.path()) || entry.is_directory()) continue;
    if (is_npy(entry.path())) {
      numbers.push_back(entry.path());
    } else {
      others.push_back(entry.path().filename().string());
    }
  }
  if (error) fail_user("cannot read the folder {}: {}", folder.string(), error.message());
  if (numbers.empty()) {
    FolderImages images = image_files(folder);
    append(notes, left_out_note(images.left_out));
    return images.files;
  }
  std::sort(numbers.begin(), numbers.end());
  std::sort(others.begin(), others.end());
  append(notes, one_line(others, "files of " + folder.string() + " are left out, being no .npy"));
  return numbers;
}

void check_sizes(const TargetPairs& pairs) {
  for (int64_t i = 0; i < pairs.images->size(); ++i) {
    const auto image = pairs.images->shape(i), target = pairs.targets->shape(i);
    if (image[1] != target[1] || image[2] != target[2]) {
      fail_user("{} is {} x {} and its target {} is {} x {}", pairs.images->file(i).string(),
                image[1], image[2], pairs.targets->file(i).string(), target[1], target[2]);
    }
    if (target[0] != pairs.targets->shape(0)[0]) {
      fail_user("{} has {} channels and {} has {}; all targets must have as many",
                pairs.targets->file(0).string(), pairs.targets->shape(0)[0],
                pairs.targets->file(i).string(), target[0]);
    }
  }
}

/// Refuses targets that hold one number alone, or none: there is nothing to learn.
void check_values(const TargetPairs& pairs, const std::vector<int64_t>& chosen,
                  const fs::path& folder) {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const int64_t i : chosen) {
    const at::Tensor target = pairs.target(i);
    const at::Tensor counted = target.masked_select(target.isfinite());
    if (counted.numel() == 0) continue;
    low = std::min(low, counted.min().item<double>());
    high = std::max(high, counted.max().item<double>());
    if (low < high) return;
  }
  if (low > high) fail_user("the targets in {} hold nothing that is counted", folder.string());
  fail_user("the targets in {} are {:.6g} everywhere, so there is nothing to learn",
            folder.string(), low);
}

TargetPairs open_target_pairs(const ImageRegressionData& options, OpenedData& out) {
  const FolderImages folder = image_files(options.images);
  append(out.notes, left_out_note(folder.left_out));
  by_name(folder.files, "targets");
  auto found = by_name(target_files(options.targets, out.notes), "images");
  const bool npy = is_npy(found.begin()->second);
  auto files = partners(folder.files, std::move(found),
                        {.what = "target", .ending = npy ? ".npy" : ".png (or .jpg)"},
                        options.targets, out.notes);
  TargetPairs pairs{
      .images = std::make_shared<ImageStore>(folder.files, picture_reader(options.channels)),
      .targets = nullptr,
      .kind = kind_of(files.front()),
      .ignore = options.ignore};
  pairs.targets = std::make_shared<ImageStore>(std::move(files), target_reader(pairs.kind));
  check_sizes(pairs);
  add_digests(*pairs.images, *pairs.targets, "target", options.images, out);
  return pairs;
}

}  // namespace

OpenedData open_image_regression(const ImageRegressionData& options) {
  if (options.images.empty() || options.targets.empty()) {
    fail_user("regression of images needs data.images and data.targets, two folders");
  }
  OpenedData out;
  const TargetPairs pairs = open_target_pairs(options, out);
  const Split split = split_pairs(*pairs.images,
                                  {.images = options.images,
                                   .index = options.index,
                                   .validation = options.validation,
                                   .test = options.test,
                                   .seed = options.seed},
                                  out.notes);
  check_values(pairs, split.train, options.targets);
  if (pairs.kind != TargetKind::kNumbers) out.range = {0, 1};
  out.text = fmt::format("{} images with targets ({}) to train, {} to validate, {} to test",
                         split.train.size(), kind_text(pairs.kind), split.validation.size(),
                         split.test.size());
  const auto part = [&](const std::vector<int64_t>& chosen) {
    return std::make_shared<PairedImages>(
        pairs.images, [pairs](int64_t i) { return pairs.target(i); },
        [](const at::Tensor& target) { return target; }, chosen,
        PairedImages::Options{.augment = options.augment, .crop = options.crop});
  };
  out.parts = {part(split.train), part(split.validation), part(split.test)};
  return out;
}

}  // namespace rung
