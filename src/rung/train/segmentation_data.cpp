#include "rung/train/segmentation_data.h"

#include <algorithm>
#include <map>
#include <set>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/io/csv.h"
#include "rung/train/coco.h"
#include "rung/train/image_store.h"
#include "rung/train/split.h"

namespace rung {
namespace {

namespace fs = std::filesystem;

struct Pairs {
  std::shared_ptr<const ImageStore> images;
  std::shared_ptr<const ImageStore> masks;  ///< u8 [1 or classes, H, W], kMaskIgnored: not counted
  size_t classes = 0;                       ///< 0: a foreground
  bool overlapping = false;
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
      if (rng != nullptr) augment(augment_, *rng, image, mask);
      images.push_back(image);
      masks.push_back(target(mask));
    }
    return {at::stack(images), at::stack(masks)};
  }

 private:
  /// i64 [H, W] of exclusive classes, else f32 [C, H, W]; below 0 where it is not counted.
  at::Tensor target(const at::Tensor& mask) const {
    const bool exclusive = pairs_.classes > 0 && !pairs_.overlapping;
    const at::Tensor numbers = exclusive ? mask[0].to(at::kLong) : mask.to(at::kFloat);
    return numbers.masked_fill(numbers.eq(kMaskIgnored), -1);
  }

  void crop(Rng& rng, at::Tensor& image, at::Tensor& mask) const {
    const int64_t h = image.size(1), w = image.size(2);
    const auto [height, width] = *crop_;
    const int64_t rows = std::min(h, height), columns = std::min(w, width);
    const int64_t y = rng.integer(0, h - rows), x = rng.integer(0, w - columns);
    const auto part = [&](const at::Tensor& t, int64_t fill) {
      const at::Tensor inside = t.narrow(1, y, rows).narrow(2, x, columns);
      if (rows == height && columns == width) return inside;
      return at::constant_pad_nd(inside, {0, width - columns, 0, height - rows}, fill);
    };
    image = part(image, 0);
    mask = part(mask, kMaskIgnored);
  }

  Pairs pairs_;
  std::vector<int64_t> chosen_;
  Augment augment_;
  std::optional<std::pair<int64_t, int64_t>> crop_;
};

using FilesByName = std::map<std::string, fs::path>;

/// By their names without endings; two of one name are refused.
FilesByName by_name(const std::vector<fs::path>& files) {
  FilesByName out;
  for (const auto& file : files) {
    const auto [at, is_new] = out.emplace(file.stem().string(), file);
    if (!is_new) {
      fail_user("{} and {} have one name, so masks cannot be told to one of them",
                at->second.string(), file.filename().string());
    }
  }
  return out;
}

std::vector<std::string> one_line(const std::vector<std::string>& names, const std::string& what) {
  constexpr size_t kShown = 8;
  if (names.empty()) return {};
  std::vector<std::string> shown(
      names.begin(), names.begin() + static_cast<int64_t>(std::min(names.size(), kShown)));
  if (names.size() > kShown) shown.emplace_back("…");
  return {fmt::format("{} {}: {}", names.size(), what, join(shown, ", "))};
}

void append(std::vector<std::string>& to, const std::vector<std::string>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

/// The masks of images that have one mask file each, in the order of the images.
ImageStore open_masks(const std::vector<fs::path>& images, const SegmentationData& options,
                      std::vector<std::string>& notes) {
  const FolderImages folder = image_files(options.masks);
  append(notes, left_out_note(folder.left_out));
  FilesByName files = by_name(folder.files);
  std::vector<fs::path> masks;
  for (const auto& image : images) {
    const auto found = files.find(image.stem().string());
    if (found == files.end()) {
      fail_user("{} has no mask: there is no {} in {}", image.string(),
                image.stem().string() + ".png (or .jpg)", options.masks.string());
    }
    masks.push_back(found->second);
    files.erase(found);
  }
  std::vector<std::string> unused;
  for (const auto& [name, file] : files) unused.push_back(file.filename().string());
  append(notes, one_line(unused, "masks have no image"));
  return ImageStore(std::move(masks), [meaning = options.meaning](const fs::path& file) {
    return read_mask(file, meaning);
  });
}

/// Masks of a folder per class, as one of as many channels.
ImageStore open_class_folders(const ImageStore& images, const SegmentationData& options,
                              std::vector<std::string>& notes) {
  const auto& classes = options.meaning.classes;
  std::vector<FilesByName> folders;
  for (const auto& c : classes) {
    const FolderImages folder = image_files(options.masks / c.name);
    append(notes, left_out_note(folder.left_out));
    folders.push_back(by_name(folder.files));
  }
  std::vector<fs::path> files;
  std::map<fs::path, std::vector<int64_t>> sizes;
  std::set<std::string> known;
  for (int64_t i = 0; i < images.size(); ++i) {
    files.push_back(images.file(i));
    sizes.emplace(images.file(i), images.shape(i));
    known.insert(images.file(i).stem().string());
  }
  std::vector<std::string> unused;
  for (size_t c = 0; c < classes.size(); ++c) {
    for (const auto& [name, file] : folders[c]) {
      if (!known.contains(name)) unused.push_back(classes[c].name + "/" + file.filename().string());
    }
  }
  append(notes, one_line(unused, "masks have no image"));
  return ImageStore(std::move(files), [=, meaning = options.meaning](const fs::path& image) {
    const auto& size = sizes.at(image);
    std::vector<at::Tensor> channels;
    for (const auto& folder : folders) {
      const auto found = folder.find(image.stem().string());
      channels.push_back(found == folder.end() ? at::zeros({1, size[1], size[2]}, at::kByte)
                                               : read_mask(found->second, meaning));
      if (channels.back().size(1) == size[1] && channels.back().size(2) == size[2]) continue;
      fail_user("{} is {} x {} and its mask {} is {} x {}", image.string(), size[1], size[2],
                found->second.string(), channels.back().size(1), channels.back().size(2));
    }
    return at::cat(channels);
  });
}

ImageStore open_coco(const std::vector<fs::path>& images,
                     const std::shared_ptr<const CocoMasks>& masks, const fs::path& file,
                     std::vector<std::string>& notes) {
  std::set<std::string> here;
  for (const auto& image : images) {
    const std::string name = image.filename().string();
    if (!masks->has(name)) fail_user("{} is not listed in {}", image.string(), file.string());
    here.insert(name);
  }
  std::vector<std::string> missing;
  for (const auto& name : masks->images()) {
    if (!here.contains(name)) missing.push_back(name);
  }
  append(notes, one_line(missing, "images of " + file.string() + " are not in the folder"));
  return ImageStore(images,
                    [=](const fs::path& image) { return masks->mask(image.filename().string()); });
}

Pairs open_pairs(const SegmentationData& options, OpenedData& out) {
  const FolderImages folder = image_files(options.images);
  append(out.notes, left_out_note(folder.left_out));
  by_name(folder.files);
  Pairs pairs{
      .images = std::make_shared<ImageStore>(folder.files, picture_reader(options.channels)),
      .masks = nullptr};
  if (!options.annotations.empty()) {
    const auto coco = std::make_shared<CocoMasks>(options.annotations);
    out.names = coco->classes();
    pairs.masks =
        std::make_shared<ImageStore>(open_coco(folder.files, coco, options.annotations, out.notes));
  } else if (options.meaning.in_folders()) {
    pairs.masks =
        std::make_shared<ImageStore>(open_class_folders(*pairs.images, options, out.notes));
  } else {
    pairs.masks = std::make_shared<ImageStore>(open_masks(folder.files, options, out.notes));
  }
  if (options.meaning.border > 0) out.names = kInsideAndBorder;
  for (const auto& c : options.meaning.classes) {
    out.names.push_back(c.name);
    if (!c.mark) continue;
    if (const auto* color = std::get_if<Color>(&*c.mark)) out.colors.push_back(to_string(*color));
  }
  pairs.classes = out.names.size();
  pairs.overlapping = out.overlapping = options.meaning.in_folders();
  for (int64_t i = 0; i < pairs.images->size(); ++i) {
    const auto image = pairs.images->shape(i), mask = pairs.masks->shape(i);
    if (image[1] == mask[1] && image[2] == mask[2]) continue;
    fail_user("{} is {} x {} and its mask {} is {} x {}", pairs.images->file(i).string(), image[1],
              image[2], pairs.masks->file(i).string(), mask[1], mask[2]);
  }
  for (int64_t i = 0; i < pairs.images->size(); ++i) {
    const auto at = static_cast<size_t>(i);
    const auto& image = pairs.images->file(i);
    out.digests.push_back({(fs::path(options.images.filename()) / image.filename()).string(),
                           pairs.images->digests()[at]});
    out.digests.push_back({"the mask of " + image.filename().string(), pairs.masks->digests()[at]});
  }
  return pairs;
}

/// How many pixels of each class the chosen masks hold. Refuses masks that mark nothing, or but one
/// class of several.
std::vector<int64_t> count_classes(const Pairs& pairs, const std::vector<int64_t>& chosen,
                                   OpenedData& out) {
  const size_t classes = std::max<size_t>(pairs.classes, 1);
  std::vector<int64_t> counts(pairs.classes == 0 ? 2 : classes);
  for (const int64_t i : chosen) {
    const at::Tensor mask = pairs.masks->get(i);
    if (pairs.overlapping) {
      const at::Tensor sums = mask.eq(1).sum({1, 2});
      for (size_t c = 0; c < classes; ++c) {
        counts[c] += sums[static_cast<int64_t>(c)].item<int64_t>();
      }
      continue;
    }
    const at::Tensor sums = at::bincount(mask.flatten().to(at::kLong), {}, 256);
    for (size_t c = 0; c < counts.size(); ++c) {
      counts[c] += sums[static_cast<int64_t>(c)].item<int64_t>();
    }
  }
  const std::string where = pairs.masks->file(chosen.front()).parent_path().string();
  if (pairs.classes == 0 && counts[1] == 0) {
    fail_user(
        "the masks in {} hold no foreground in the images to train on\n"
        "  rule    a mask is 0 where there is background and 255 (or 1) where there is foreground",
        where);
  }
  const auto marked = std::count_if(counts.begin(), counts.end(), [](int64_t n) { return n > 0; });
  if (pairs.classes > 0 && marked < (pairs.overlapping ? 1 : 2)) {
    fail_user("the masks hold {} of the {} classes in the images to train on", marked, classes);
  }
  for (size_t c = 0; c < pairs.classes; ++c) {
    if (counts[c] > 0) continue;
    out.notes.push_back(fmt::format("class {} is in no image to train on, so it cannot be learned",
                                    quoted(out.names[c])));
  }
  return counts;
}

/// The parts that an index names, as numbers of images.
Split split_by_index(const Pairs& pairs, const SegmentationData& options) {
  const Csv csv = load_csv(options.index);
  const size_t id = csv.column("id"), part = csv.column("split");
  std::map<std::string, int64_t> by_name;
  for (int64_t i = 0; i < pairs.images->size(); ++i) {
    by_name.emplace(pairs.images->file(i).stem().string(), i);
  }
  std::vector<int64_t> images;
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
    images.push_back(image->second);
  }
  Split split = read_split(csv, part);
  for (auto* list : {&split.train, &split.validation, &split.test}) {
    for (int64_t& row : *list) row = images[static_cast<size_t>(row)];
  }
  return split;
}

/// Images that the index does not name are in no part.
std::vector<std::string> unused_note(const Pairs& pairs, const Split& split) {
  std::set<int64_t> used;
  for (const auto* part : {&split.train, &split.validation, &split.test}) {
    used.insert(part->begin(), part->end());
  }
  std::vector<std::string> names;
  for (int64_t i = 0; i < pairs.images->size(); ++i) {
    if (!used.contains(i)) names.push_back(pairs.images->file(i).filename().string());
  }
  return one_line(names, "images are left out, being not in the index");
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
  if (options.images.empty() || options.masks.empty() == options.annotations.empty()) {
    fail_user("segmentation data needs data.images, and data.masks or data.annotations");
  }
  const MaskMeaning& m = options.meaning;
  if (!options.annotations.empty() &&
      (!m.classes.empty() || m.ignore || m.threshold || m.instances)) {
    fail_user(
        "data.classes, ignore, threshold and instances say what masks mean; data.annotations says "
        "so "
        "itself");
  }
  check(options.meaning);
  OpenedData out;
  const Pairs pairs = open_pairs(options, out);
  Split split = make_split(pairs, options);
  append(out.notes, unused_note(pairs, split));
  out.counts = count_classes(pairs, split.train, out);
  out.text = fmt::format("{}{} images with masks to train, {} to validate, {} to test",
                         pairs.classes > 0 ? fmt::format("{} classes; ", pairs.classes) : "",
                         split.train.size(), split.validation.size(), split.test.size());
  const auto part = [&](std::vector<int64_t>& chosen) {
    return std::make_shared<MaskedImages>(pairs, std::move(chosen), options);
  };
  out.parts = {part(split.train), part(split.validation), part(split.test)};
  return out;
}

}  // namespace rung
