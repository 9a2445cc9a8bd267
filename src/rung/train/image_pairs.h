#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

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
