#include "rung/train/classification_data.h"

#include <algorithm>
#include <map>

#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/base/text.h"
#include "rung/exec/eager/convert.h"
#include "rung/io/idx.h"
#include "rung/train/image_store.h"

namespace rung {
namespace {

namespace fs = std::filesystem;

/// Where the images come from: memory (IDX) or files.
struct Source {
  at::Tensor memory;  ///< u8 [N, C, H, W]
  std::shared_ptr<const ImageStore> files;
  at::Tensor labels;  ///< i64 [N]

  at::Tensor image(int64_t i) const { return files ? files->get(i) : memory[i]; }
  std::vector<int64_t> shape(int64_t i) const {
    return files ? files->shape(i) : memory.sizes().slice(1).vec();
  }
};

class LabelledImages : public Dataset {
 public:
  LabelledImages(std::shared_ptr<const Source> source, std::vector<int64_t> chosen, Augment how)
      : source_(std::move(source)), chosen_(std::move(chosen)), augment_(how) {}

  int64_t size() const override { return static_cast<int64_t>(chosen_.size()); }
  std::vector<int64_t> shape(int64_t index, bool) const override {
    return source_->shape(chosen_[static_cast<size_t>(index)]);
  }
  Batch batch(std::span<const int64_t> indices, Rng* rng) const override {
    std::vector<at::Tensor> images, labels;
    for (const int64_t index : indices) {
      const int64_t i = chosen_[static_cast<size_t>(index)];
      at::Tensor image = source_->image(i).to(at::kFloat).div_(255);
      at::Tensor no_mask;
      if (rng != nullptr) augment(augment_, *rng, image, no_mask);
      images.push_back(std::move(image));
      labels.push_back(source_->labels[i]);
    }
    return {at::stack(images), at::stack(labels)};
  }

 private:
  std::shared_ptr<const Source> source_;
  std::vector<int64_t> chosen_;
  Augment augment_;
};

std::vector<int64_t> pick(const std::vector<int64_t>& from, int64_t first, int64_t count) {
  return {from.begin() + first, from.begin() + first + count};
}

fs::path idx_file(const fs::path& folder, const std::string& name) {
  for (const char* ending : {"", ".gz"}) {
    const fs::path path = folder / (name + ending);
    if (fs::exists(path)) return path;
  }
  fail_user("there is neither {0} nor {0}.gz; data.idx is a folder of MNIST's four files",
            (folder / name).string());
}

std::shared_ptr<Source> read_idx(const fs::path& folder, const std::string& part) {
  const fs::path images_file = idx_file(folder, part + "-images-idx3-ubyte");
  const fs::path labels_file = idx_file(folder, part + "-labels-idx1-ubyte");
  const Tensor images = load_idx(images_file), labels = load_idx(labels_file);
  if (images.shape().size() != 3 || labels.shape().size() != 1) {
    fail_user("{} has shape {} and {} has shape {}; images [N, H, W] and labels [N] are needed",
              images_file.string(), to_string(images.shape()), labels_file.string(),
              to_string(labels.shape()));
  }
  if (images.shape()[0] != labels.shape()[0]) {
    fail_user("{} holds {} images and {} {} labels", images_file.string(), images.shape()[0],
              labels_file.string(), labels.shape()[0]);
  }
  if (images.elements() == 0) fail_user("{} holds no images", images_file.string());
  auto source = std::make_shared<Source>();
  source->memory = to_torch(images).unsqueeze(1);
  source->labels = to_torch(labels).to(at::kLong);
  return source;
}

OpenedData open_idx(const ClassificationData& options) {
  const auto train = read_idx(options.idx, "train"), test = read_idx(options.idx, "t10k");
  if (train->shape(0) != test->shape(0)) {
    fail_user("the training images of {} are {} and the test images {}", options.idx.string(),
              to_string(train->shape(0)), to_string(test->shape(0)));
  }
  const int64_t count = train->labels.size(0);
  Rng rng(options.seed, "parts");
  const auto order = shuffled(count, rng);
  const PartSizes parts = split_parts(count, options.validation, 0, options.idx.string());
  const int64_t used = options.limit > 0 ? std::min(options.limit, parts.train) : parts.train;
  OpenedData out;
  out.parts.train = std::make_shared<LabelledImages>(train, pick(order, 0, used), options.augment);
  out.parts.validation = std::make_shared<LabelledImages>(
      train, pick(order, parts.train, parts.validation), Augment{});
  out.parts.test =
      std::make_shared<LabelledImages>(test, in_order(test->labels.size(0)), Augment{});
  const int64_t classes = train->labels.max().item<int64_t>() + 1;
  const int64_t largest = test->labels.max().item<int64_t>();
  if (largest >= classes) {
    fail_user("the test labels of {} go up to {}, and those to train on only to {}",
              options.idx.string(), largest, classes - 1);
  }
  for (int64_t i = 0; i < classes; ++i) out.names.push_back(std::to_string(i));
  return out;
}

std::vector<std::string> class_folders(const fs::path& folder) {
  std::error_code error;
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.is_directory() && !is_hidden(entry.path()))
      names.push_back(entry.path().filename().string());
  }
  if (error) fail_user("cannot read the folder {}: {}", folder.string(), error.message());
  std::sort(names.begin(), names.end());
  return names;
}

std::shared_ptr<Source> read_folders(const fs::path& folder,
                                     const std::vector<std::string>& classes,
                                     const ClassificationData& options) {
  std::vector<fs::path> files;
  std::vector<int64_t> labels;
  for (size_t k = 0; k < classes.size(); ++k) {
    if (!path_exists(folder / classes[k])) continue;  // a part may lack some of the classes
    for (auto& file : image_files(folder / classes[k])) {
      files.push_back(std::move(file));
      labels.push_back(static_cast<int64_t>(k));
    }
  }
  auto source = std::make_shared<Source>();
  source->labels = at::tensor(labels, at::kLong);
  source->files = std::make_shared<ImageStore>(
      std::move(files), ImageStore::Options{.channels = options.channels, .size = options.size});
  for (int64_t i = 1; i < source->files->size(); ++i) {
    if (source->shape(i) == source->shape(0)) continue;
    fail_user("{} is {} and {} is {}; give data.size = [height, width]",
              source->files->file(0).string(), to_string(source->shape(0)),
              source->files->file(i).string(), to_string(source->shape(i)));
  }
  return source;
}

/// The part of the data that has a folder of its own; its classes are among those to train on.
std::shared_ptr<LabelledImages> read_part(const fs::path& folder,
                                          const std::vector<std::string>& classes,
                                          const ClassificationData& options) {
  for (const auto& name : class_folders(folder)) {
    if (std::find(classes.begin(), classes.end(), name) != classes.end()) continue;
    fail_user("{} is none of the classes to train on, which are {}", (folder / name).string(),
              join(classes, ", "));
  }
  const auto source = read_folders(folder, classes, options);
  if (source->labels.size(0) == 0) fail_user("the folder {} holds no class", folder.string());
  return std::make_shared<LabelledImages>(source, in_order(source->labels.size(0)), Augment{});
}

OpenedData open_folder(const ClassificationData& options) {
  const bool parted = fs::is_directory(options.folder / "train");
  const fs::path root = parted ? options.folder / "train" : options.folder;
  OpenedData out;
  out.names = class_folders(root);
  if (out.names.size() < 2) {
    fail_user("{} holds {} folders; one for each class is needed, two at least", root.string(),
              out.names.size());
  }
  const auto source = read_folders(root, out.names, options);
  const auto own = [&](const char* part) {
    return parted && fs::is_directory(options.folder / part);
  };
  const bool own_validation = own("val"), own_test = own("test");
  const int64_t all = source->labels.size(0);
  Rng rng(options.seed, "parts");
  const auto order = shuffled(all, rng);
  const PartSizes parts = split_parts(all, own_validation ? 0 : options.validation,
                                      own_test ? 0 : options.test, root.string());
  const int64_t used = options.limit > 0 ? std::min(options.limit, parts.train) : parts.train;
  out.parts.train = std::make_shared<LabelledImages>(source, pick(order, 0, used), options.augment);
  out.parts.validation = own_validation
                             ? read_part(options.folder / "val", out.names, options)
                             : std::make_shared<LabelledImages>(
                                   source, pick(order, parts.train, parts.validation), Augment{});
  out.parts.test =
      own_test ? read_part(options.folder / "test", out.names, options)
               : std::make_shared<LabelledImages>(
                     source, pick(order, parts.train + parts.validation, parts.test), Augment{});
  return out;
}

}  // namespace

OpenedData open_classification(const ClassificationData& options) {
  if (options.idx.empty() == options.folder.empty()) {
    fail_user("classification data needs either data.idx or data.folder");
  }
  OpenedData out = options.idx.empty() ? open_folder(options) : open_idx(options);
  out.text =
      fmt::format("{} classes; {} images to train, {} to validate, {} to test", out.names.size(),
                  out.parts.train->size(), out.parts.validation->size(), out.parts.test->size());
  return out;
}

}  // namespace rung
