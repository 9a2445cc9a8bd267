#include "rung/train/coco.h"

#include <algorithm>
#include <cmath>

#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/base/text.h"
#include "rung/io/json.h"
#include "rung/train/mask_classes.h"

namespace rung {
namespace {

using Json = nlohmann::json;

/// Runs of a compressed text: five bits a character, the lowest first, and from the third run on
/// the difference to the run before the last.
std::vector<int64_t> runs_of(const std::string& text) {
  constexpr int kBits = 5;
  std::vector<int64_t> runs;
  for (size_t i = 0; i < text.size();) {
    int64_t run = 0;
    bool more = true;
    for (int k = 0; more; ++k) {
      if (i >= text.size() || k > 10) return {};
      const int64_t c = text[i++] - '0';
      if (c < 0 || c > 63) return {};
      run |= (c & 0x1f) << (kBits * k);
      more = (c & 0x20) != 0;
      if (!more && (c & 0x10) != 0 && kBits * (k + 1) < 64)
        run |= -(int64_t{1} << (kBits * (k + 1)));
    }
    if (runs.size() > 2) run += runs[runs.size() - 2];
    runs.push_back(run);
  }
  return runs;
}

/// Fills columns from the top, background first. False where the runs do not add up.
bool fill_runs(const std::vector<int64_t>& runs, int64_t value, at::Tensor& mask) {
  const int64_t h = mask.size(1), w = mask.size(2);
  auto* pixels = mask.data_ptr<uint8_t>();
  int64_t at = 0;
  bool inside = false;
  for (const int64_t run : runs) {
    if (run < 0 || run > h * w - at) return false;
    for (int64_t i = at; inside && i < at + run; ++i) {
      pixels[(i % h) * w + i / h] = static_cast<uint8_t>(value);
    }
    at += run;
    inside = !inside;
  }
  return at == h * w;
}

/// Fills the pixels whose centres are inside.
void fill_polygon(const std::vector<double>& points, int64_t value, at::Tensor& mask) {
  const int64_t h = mask.size(1), w = mask.size(2);
  auto* pixels = mask.data_ptr<uint8_t>();
  const size_t n = points.size() / 2;
  for (int64_t row = 0; row < h; ++row) {
    const double y = static_cast<double>(row) + 0.5;
    std::vector<double> crossings;
    for (size_t i = 0; i < n; ++i) {
      const size_t next = (i + 1) % n;
      const double x0 = points[2 * i], y0 = points[2 * i + 1];
      const double x1 = points[2 * next], y1 = points[2 * next + 1];
      if ((y0 <= y) == (y1 <= y)) continue;
      crossings.push_back(x0 + (y - y0) / (y1 - y0) * (x1 - x0));
    }
    std::sort(crossings.begin(), crossings.end());
    const auto column = [&](double x) {
      return static_cast<int64_t>(std::ceil(std::clamp(x, 0.0, static_cast<double>(w)) - 0.5));
    };
    for (size_t i = 0; i + 1 < crossings.size(); i += 2) {
      for (int64_t x = column(crossings[i]); x < std::min(w, column(crossings[i + 1])); ++x) {
        pixels[row * w + x] = static_cast<uint8_t>(value);
      }
    }
  }
}

const Json& list(const Json& root, const char* key, const std::string& file) {
  const auto found = root.is_object() ? root.find(key) : root.end();
  if (!root.is_object() || found == root.end() || !found->is_array()) {
    fail_user("{} is no COCO file: it has no list {}", file, quoted(key));
  }
  return *found;
}

template <typename T>
T field(const Json& entry, const char* key, const std::string& file, const char* of) {
  try {
    return entry.at(key).get<T>();
  } catch (const Json::exception&) {
    fail_user("{}: an entry of {} has no {}: {}", file, quoted(of), quoted(key),
              entry.dump().substr(0, 80));
  }
}

}  // namespace

CocoMasks::CocoMasks(const std::filesystem::path& file) : file_(file.string()) {
  const Json root = parse_json(read_file(file), file_);
  std::map<int64_t, std::string> categories;
  for (const auto& entry : list(root, "categories", file_)) {
    const auto id = field<int64_t>(entry, "id", file_, "categories");
    if (!categories.emplace(id, field<std::string>(entry, "name", file_, "categories")).second) {
      fail_user("{}: two categories have the id {}", file_, id);
    }
  }
  if (categories.empty() || categories.size() > 254) {
    fail_user("{} has {} categories; 1 to 254 are read", file_, categories.size());
  }
  for (const auto& [id, name] : categories) {
    if (std::find(classes_.begin(), classes_.end(), name) != classes_.end()) {
      fail_user(
          "{}: the category {} has the name of another class; background is what no annotation "
          "covers",
          file_, quoted(name));
    }
    class_of_.emplace(id, static_cast<int64_t>(classes_.size()));
    classes_.push_back(name);
  }
  std::map<int64_t, Image*> by_id;
  for (const auto& entry : list(root, "images", file_)) {
    const auto path = field<std::string>(entry, "file_name", file_, "images");
    const std::string name = std::filesystem::path(path).filename().string();
    const Image image{.id = field<int64_t>(entry, "id", file_, "images"),
                      .height = field<int64_t>(entry, "height", file_, "images"),
                      .width = field<int64_t>(entry, "width", file_, "images"),
                      .annotations = {}};
    if (image.height < 1 || image.width < 1 || image.height > (1 << 28) / image.width) {
      fail_user("{}: the image {} is {} x {}", file_, quoted(name), image.height, image.width);
    }
    const auto [at, is_new] = images_.emplace(name, image);
    if (!is_new) fail_user("{}: the image {} is listed twice", file_, quoted(name));
    if (!by_id.emplace(image.id, &at->second).second) {
      fail_user("{}: two images have the id {}", file_, image.id);
    }
  }
  annotations_ = list(root, "annotations", file_);
  for (size_t i = 0; i < annotations_.size(); ++i) {
    const auto id = field<int64_t>(annotations_[i], "image_id", file_, "annotations");
    const auto category = field<int64_t>(annotations_[i], "category_id", file_, "annotations");
    const auto image = by_id.find(id);
    if (image == by_id.end()) {
      fail_user("{}: annotation {} is of image {}, which is not listed", file_, i, id);
    }
    if (!class_of_.contains(category)) {
      fail_user("{}: annotation {} is of category {}, which is not listed", file_, i, category);
    }
    image->second->annotations.push_back(i);
  }
}

std::vector<std::string> CocoMasks::images() const {
  std::vector<std::string> names;
  for (const auto& [name, unused] : images_) names.push_back(name);
  return names;
}

at::Tensor CocoMasks::mask(const std::string& name) const {
  const Image& image = images_.at(name);
  at::Tensor mask = at::zeros({1, image.height, image.width}, at::kByte);
  for (const size_t i : image.annotations) {
    try {
      draw(annotations_[i], mask);
    } catch (const Json::exception&) {
      fail_user("{}: annotation {} (of {}) has no segmentation that can be read", file_, i, name);
    } catch (const Error& error) {
      throw Error(error.kind(),
                  fmt::format("{}: annotation {} (of {}): {}", file_, i, name, error.what()));
    }
  }
  return mask;
}

void CocoMasks::draw(const Json& annotation, at::Tensor& mask) const {
  const bool crowd = annotation.value("iscrowd", 0) != 0;
  const int64_t value =
      crowd ? kMaskIgnored : class_of_.at(annotation.at("category_id").get<int64_t>());
  const Json& segmentation = annotation.at("segmentation");
  if (segmentation.is_array()) {
    if (segmentation.empty()) fail_user("it has no polygon");
    for (const auto& polygon : segmentation) {
      const auto points = polygon.get<std::vector<double>>();
      if (points.size() < 6 || points.size() % 2 != 0) {
        fail_user("a polygon of {} numbers; x and y of three points at least", points.size());
      }
      constexpr double kMost = 1e7;
      if (!std::all_of(points.begin(), points.end(),
                       [](double x) { return std::abs(x) <= kMost; })) {
        fail_user("a polygon has a coordinate beyond 1e7");
      }
      fill_polygon(points, value, mask);
    }
    return;
  }
  const auto size = segmentation.at("size").get<std::vector<int64_t>>();
  if (size != std::vector<int64_t>{mask.size(1), mask.size(2)}) {
    fail_user("its run lengths are of {}, and the image is {} x {}", to_string(size), mask.size(1),
              mask.size(2));
  }
  const Json& counts = segmentation.at("counts");
  const auto runs =
      counts.is_string() ? runs_of(counts.get<std::string>()) : counts.get<std::vector<int64_t>>();
  if (!fill_runs(runs, value, mask)) {
    fail_user("its run lengths do not add up to {} x {} pixels", mask.size(1), mask.size(2));
  }
}

}  // namespace rung
