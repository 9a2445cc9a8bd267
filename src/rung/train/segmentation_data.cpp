#include "rung/train/segmentation_data.h"

#include <algorithm>
#include <map>
#include <set>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/train/coco.h"
#include "rung/train/image_pairs.h"

namespace rung {
namespace {

namespace fs = std::filesystem;

struct Pairs {
  std::shared_ptr<const ImageStore> images;
  std::shared_ptr<const ImageStore> masks;  ///< u8 [1 or classes, H, W], kMaskIgnored: not counted
  size_t classes = 0;                       ///< 0: a foreground
  bool overlapping = false;
};

/// The masks of images that have one mask file each, in the order of the images.
ImageStore open_masks(const std::vector<fs::path>& images, const SegmentationData& options,
                      std::vector<std::string>& notes) {
  const FolderImages folder = image_files(options.masks);
  append(notes, left_out_note(folder.left_out));
  std::vector<fs::path> masks =
      partners(images, by_name(folder.files, "masks"), {.what = "mask", .ending = ".png (or .jpg)"},
               options.masks, notes);
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
    folders.push_back(by_name(folder.files, "masks"));
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
  by_name(folder.files, "masks");
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
  if (options.annotations.empty()) {
    out.names = class_names(options.meaning);
    out.colors = class_colors(options.meaning);
  }
  pairs.classes = out.names.size();
  pairs.overlapping = out.overlapping = options.meaning.in_folders();
  for (int64_t i = 0; i < pairs.images->size(); ++i) {
    const auto image = pairs.images->shape(i), mask = pairs.masks->shape(i);
    if (image[1] == mask[1] && image[2] == mask[2]) continue;
    fail_user("{} is {} x {} and its mask {} is {} x {}", pairs.images->file(i).string(), image[1],
              image[2], pairs.masks->file(i).string(), mask[1], mask[2]);
  }
  add_digests(*pairs.images, *pairs.masks, "mask", options.images, out);
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
    count_pixels(mask, counts);
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
  Split split = split_pairs(*pairs.images,
                            {.images = options.images,
                             .index = options.index,
                             .validation = options.validation,
                             .test = options.test,
                             .seed = options.seed},
                            out.notes);
  out.counts = count_classes(pairs, split.train, out);
  out.text = fmt::format("{}{} images with masks to train, {} to validate, {} to test",
                         pairs.classes > 0 ? fmt::format("{} classes; ", pairs.classes) : "",
                         split.train.size(), split.validation.size(), split.test.size());
  const auto part = [&](std::vector<int64_t>& chosen) {
    return std::make_shared<PairedImages>(
        pairs.images, [pairs](int64_t i) { return pairs.masks->get(i); },
        [exclusive = pairs.classes > 0 && !pairs.overlapping](const at::Tensor& mask) {
          return mask_truth(mask, exclusive);
        },
        std::move(chosen), PairedImages::Options{.augment = options.augment, .crop = options.crop});
  };
  out.parts = {part(split.train), part(split.validation), part(split.test)};
  return out;
}

}  // namespace rung
