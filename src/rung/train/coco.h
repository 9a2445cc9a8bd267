#pragma once

#include <ATen/ATen.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace rung {

/// A COCO file of object segmentations, as masks of exclusive classes: 0 background, then the
/// categories in the order of their ids. Polygons hold the pixels whose centres are inside (by the
/// even-odd rule); run lengths, plain or compressed, are exact. A later annotation covers an
/// earlier one; crowds (`iscrowd`) are not counted.
class CocoMasks {
 public:
  /// Throws a user error that names the file: not JSON, lists that are missing, an annotation of an
  /// image or category that is not there, an image named twice.
  explicit CocoMasks(const std::filesystem::path& file);

  /// "background", then the categories.
  const std::vector<std::string>& classes() const { return classes_; }
  /// The names of the images, without folders, in order.
  std::vector<std::string> images() const;
  bool has(const std::string& image) const { return images_.contains(image); }
  /// u8 [1, H, W], 255 where it is not counted. Throws a user error that names the annotation:
  /// broken run lengths, a polygon without three points.
  at::Tensor mask(const std::string& image) const;

 private:
  struct Image {
    int64_t id = 0, height = 0, width = 0;
    std::vector<size_t> annotations;  ///< places in the file's list
  };
  void draw(const nlohmann::json& annotation, at::Tensor& mask) const;

  std::string file_;
  nlohmann::json annotations_;
  std::map<std::string, Image> images_;
  std::map<int64_t, int64_t> class_of_;  ///< by the category's id
  std::vector<std::string> classes_ = {"background"};
};

}  // namespace rung
