#include "rung/train/segmentation_data.h"

#include <algorithm>
#include <map>
#include <set>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/io/csv.h"
#include "rung/train/image_store.h"

namespace rung {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kHalf = 127;  // of 255: what is above is foreground

struct Pairs {
  std::shared_ptr<const ImageStore> images;
  std::shared_ptr<const ImageStore> masks;
};

class MaskedImages : public Dataset {
 public:
  MaskedImages(Pairs pairs, std::vector<int64_t> chosen, const SegmentationData& options)
      : pairs_(std::move(pairs)),
        chosen_(std::move(chosen)),
        augment_(options.augment),
        crop_(options.crop) {}

  int64_t size() const override { return static_cast<int64_t>(chosen_.size()); }

  std::vector<int64_t> shape(int64_t index, bool training) const override {
    auto shape = pairs_.images->shape(chosen_[static_cast<size_t>(index)]);
    if (training && crop_) {
      shape[1] = crop_->first;
      shape[2] = crop_->second;
    }
    return shape;
  }

  Batch batch(std::span<const int64_t> indices, Rng* rng) const override {
    std::vector<at::Tensor> images, masks;
    for (const int64_t index : indices) {
      const int64_t i = chosen_[static_cast<size_t>(index)];
      at::Tensor image = pairs_.images->get(i), mask = pairs_.masks->get(i);
      if (rng != nullptr && crop_) crop(*rng, image, mask);
      image = image.to(at::kFloat).div_(255);
      mask = mask.gt(kHalf).to(at::kFloat);
      if (rng != nullptr) augment(augment_, *rng, image, mask);
      images.push_back(image);
      masks.push_back(mask);
    }
    return {at::stack(images), at::stack(masks)};
  }

 private:
  void crop(Rng& rng, at::Tensor& image, at::Tensor& mask) const {
    const int64_t h = image.size(1), w = image.size(2);
    const auto [height, width] = *crop_;
    const int64_t rows = std::min(h, height), columns = std::min(w, width);
    const int64_t y = rng.integer(0, h - rows), x = rng.integer(0, w - columns);
    for (at::Tensor* t : {&image, &mask}) {
      *t = t->narrow(1, y, rows).narrow(2, x, columns);
      if (rows == height && columns == width) continue;
      *t = at::constant_pad_nd(*t, {0, width - columns, 0, height - rows});
    }
  }

  Pairs pairs_;
  std::vector<int64_t> chosen_;
  Augment augment_;
  std::optional<std::pair<int64_t, int64_t>> crop_;
};

Pairs open_pairs(const SegmentationData& options) {
  const auto images = image_files(options.images);
  std::map<std::string, fs::path> by_name;
  for (const auto& file : image_files(options.masks)) by_name.emplace(file.stem().string(), file);
  std::vector<fs::path> masks;
  for (const auto& image : images) {
    const auto found = by_name.find(image.stem().string());
    if (found == by_name.end()) {
      fail_user("{} has no mask: there is no {} in {}", image.string(),
                image.stem().string() + ".png (or .jpg)", options.masks.string());
    }
    masks.push_back(found->second);
  }
  const Pairs pairs{
      std::make_shared<ImageStore>(images, ImageStore::Options{.channels = options.channels}),
      std::make_shared<ImageStore>(std::move(masks), ImageStore::Options{.channels = 1})};
  for (int64_t i = 0; i < pairs.images->size(); ++i) {
    const auto image = pairs.images->shape(i), mask = pairs.masks->shape(i);
    if (image[1] == mask[1] && image[2] == mask[2]) continue;
    fail_user("{} is {} x {} and its mask {} is {} x {}", pairs.images->file(i).string(), image[1],
              image[2], pairs.masks->file(i).string(), mask[1], mask[2]);
  }
  return pairs;
}

/// Refuses masks that are all background to us, such as those that write foreground as 1.
void check_foreground(const Pairs& pairs, const std::vector<int64_t>& chosen) {
  int64_t largest = 0;
  for (const int64_t i : chosen) {
    largest = std::max(largest, pairs.masks->get(i).max().item<int64_t>());
    if (largest > kHalf) return;
  }
  const auto& first = pairs.masks->file(chosen.front());
  fail_user(
      "the masks in {} hold no foreground: their largest value is {}, and what counts is above {}\n"
      "  rule    a mask is 0 where there is background and 255 where there is foreground{}",
      first.parent_path().string(), largest, kHalf,
      largest == 1 ? "\n  fix     multiply the values by 255" : "");
}

struct Split {
  std::vector<int64_t> train, validation, test;
};

Split split_by_index(const Pairs& pairs, const SegmentationData& options) {
  const Csv csv = load_csv(options.index);
  const size_t id = csv.column("id"), part = csv.column("split");
  std::map<std::string, int64_t> by_name;
  for (int64_t i = 0; i < pairs.images->size(); ++i) {
    by_name.emplace(pairs.images->file(i).stem().string(), i);
  }
  Split split;
  const std::map<std::string, std::vector<int64_t>*> parts = {{"train", &split.train},
                                                              {"val", &split.validation},
                                                              {"validation", &split.validation},
                                                              {"test", &split.test}};
  std::set<std::string> seen;
  for (size_t row = 0; row < csv.rows.size(); ++row) {
    const std::string& name = csv.rows[row][id];
    const auto image = by_name.find(name);
    if (image == by_name.end()) {
      fail_user("{}:{}: there is no image {} in {}", csv.file, csv.lines[row], quoted(name),
                options.images.string());
    }
    if (!seen.insert(name).second) {
      fail_user("{}:{}: {} stands there twice", csv.file, csv.lines[row], quoted(name));
    }
    const auto list = parts.find(csv.rows[row][part]);
    if (list == parts.end()) {
      fail_user("{}:{}: split is {}; it is one of train, val, test", csv.file, csv.lines[row],
                quoted(csv.rows[row][part]));
    }
    list->second->push_back(image->second);
  }
  return split;
}

Split make_split(const Pairs& pairs, const SegmentationData& options) {
  Split split;
  if (!options.index.empty()) {
    split = split_by_index(pairs, options);
  } else {
    Rng rng(options.seed, "test");
    const auto order = shuffled(pairs.images->size(), rng);
    const PartSizes parts = split_parts(pairs.images->size(), 0, options.test, "data.images");
    split.train.assign(order.begin(), order.begin() + parts.train);
    split.test.assign(order.begin() + parts.train, order.end());
  }
  if (split.train.empty()) {
    fail_user("{}: no image is left to train on",
              options.index.empty() ? options.images.string() : options.index.string());
  }
  if (split.validation.empty() && options.validation > 0) {
    Rng rng(options.seed, "validation");
    const auto count = static_cast<int64_t>(split.train.size());
    const auto order = shuffled(count, rng);
    const PartSizes parts = split_parts(count, options.validation, 0, "data.images");
    std::vector<int64_t> train;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t image = split.train[static_cast<size_t>(order[static_cast<size_t>(i)])];
      (i < parts.train ? train : split.validation).push_back(image);
    }
    split.train = std::move(train);
  }
  return split;
}

}  // namespace

OpenedData open_segmentation(const SegmentationData& options) {
  if (options.images.empty() || options.masks.empty()) {
    fail_user("segmentation data needs data.images and data.masks");
  }
  const Pairs pairs = open_pairs(options);
  Split split = make_split(pairs, options);
  check_foreground(pairs, split.train);
  OpenedData out;
  out.text = fmt::format("{} images with masks to train, {} to validate, {} to test",
                         split.train.size(), split.validation.size(), split.test.size());
  const auto part = [&](std::vector<int64_t>& chosen) {
    return std::make_shared<MaskedImages>(pairs, std::move(chosen), options);
  };
  out.parts = {part(split.train), part(split.validation), part(split.test)};
  return out;
}

}  // namespace rung
