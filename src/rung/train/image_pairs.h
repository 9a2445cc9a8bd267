#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rung/train/augment.h"
#include "rung/train/dataset.h"
#include "rung/train/image_store.h"
#include "rung/train/split.h"

namespace rung {

using FilesByName = std::map<std::string, std::filesystem::path>;

/// By their names without endings; two of one name are refused, since what belongs to an image is
/// told by its name.
FilesByName by_name(const std::vector<std::filesystem::path>& files, const std::string& what);

/// What belongs to each image, for messages.
struct PartnerText {
  std::string what;    ///< "mask"
  std::string ending;  ///< ".png (or .jpg)"
};
/// The file of each image's name, in the order of the images; files without an image are noted.
/// Throws a user error where an image has none.
std::vector<std::filesystem::path> partners(const std::vector<std::filesystem::path>& images,
                                            FilesByName files, const PartnerText& text,
                                            const std::filesystem::path& folder,
                                            std::vector<std::string>& notes);

/// "3 masks have no image: a, b, c", the first eight of them; or nothing.
std::vector<std::string> one_line(const std::vector<std::string>& names, const std::string& what);
void append(std::vector<std::string>& to, const std::vector<std::string>& from);

/// Chosen images and what belongs to each, [C, H, W] of the image's size: cropped and changed at
/// random alike in training.
class PairedImages : public Dataset {
 public:
  struct Options {
    Augment augment = {};
    std::optional<std::pair<int64_t, int64_t>> crop = std::nullopt;  ///< height, width
  };
  /// `partner` reads that of an image as `crop` and `augment` take it, `truth` makes of it what
  /// the task wants.
  PairedImages(std::shared_ptr<const ImageStore> images, std::function<at::Tensor(int64_t)> partner,
               std::function<at::Tensor(const at::Tensor&)> truth, std::vector<int64_t> chosen,
               Options options);

  int64_t size() const override { return static_cast<int64_t>(chosen_.size()); }
  std::vector<int64_t> shape(int64_t index, bool training) const override;
  Batch batch(std::span<const int64_t> indices, Rng* rng) const override;

 private:
  std::shared_ptr<const ImageStore> images_;
  std::function<at::Tensor(int64_t)> partner_;
  std::function<at::Tensor(const at::Tensor&)> truth_;
  std::vector<int64_t> chosen_;
  Options options_;
};

/// The digests of images and of what belongs to each, "the mask of NAME"; `folder` is the images'.
void add_digests(const ImageStore& images, const ImageStore& partners, const std::string& what,
                 const std::filesystem::path& folder, OpenedData& out);

/// How images of a folder are put into parts.
struct PairSplit {
  std::filesystem::path images;  ///< the folder, for messages
  std::filesystem::path index;   ///< CSV with columns id and split, or none
  double validation = 0;         ///< share of the images that are not for testing
  double test = 0;               ///< share of all images, where there is no index
  uint64_t seed = 0;
};
/// The parts that an index names, or drawn ones; images that the index does not name are noted.
/// Throws a user error: an unknown split or id, an id given twice, nothing left to train on.
Split split_pairs(const ImageStore& images, const PairSplit& options,
                  std::vector<std::string>& notes);

}  // namespace rung
