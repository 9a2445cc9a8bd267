#include "rung/train/image_pairs.h"

#include <algorithm>
#include <set>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/train/dataset.h"

namespace rung {
namespace {

namespace fs = std::filesystem;

/// The parts that an index names, as numbers of images.
Split split_by_index(const ImageStore& images, const PairSplit& options) {
  const Csv csv = load_csv(options.index);
  const size_t id = csv.column("id"), part = csv.column("split");
  std::map<std::string, int64_t> by_name;
  for (int64_t i = 0; i < images.size(); ++i) {
    by_name.emplace(images.file(i).stem().string(), i);
  }
  std::vector<int64_t> chosen;
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
    chosen.push_back(image->second);
  }
  Split split = read_split(csv, part);
  for (auto* list : {&split.train, &split.validation, &split.test}) {
    for (int64_t& row : *list) row = chosen[static_cast<size_t>(row)];
  }
  return split;
}

/// Images that the index does not name are in no part.
std::vector<std::string> unused_note(const ImageStore& images, const Split& split) {
  std::set<int64_t> used;
  for (const auto* part : {&split.train, &split.validation, &split.test}) {
    used.insert(part->begin(), part->end());
  }
  std::vector<std::string> names;
  for (int64_t i = 0; i < images.size(); ++i) {
    if (!used.contains(i)) names.push_back(images.file(i).filename().string());
  }
  return one_line(names, "images are left out, being not in the index");
}

}  // namespace

PairedImages::PairedImages(std::shared_ptr<const ImageStore> images,
                           std::function<at::Tensor(int64_t)> partner,
                           std::function<at::Tensor(const at::Tensor&)> truth,
                           std::vector<int64_t> chosen, Options options)
    : images_(std::move(images)),
      partner_(std::move(partner)),
      truth_(std::move(truth)),
      chosen_(std::move(chosen)),
      options_(options) {}

std::vector<int64_t> PairedImages::shape(int64_t index, bool training) const {
  auto shape = images_->shape(chosen_[static_cast<size_t>(index)]);
  if (training && options_.crop) {
    shape[1] = options_.crop->first;
    shape[2] = options_.crop->second;
  }
  return shape;
}

Batch PairedImages::batch(std::span<const int64_t> indices, Rng* rng) const {
  std::vector<at::Tensor> images, truths;
  for (const int64_t index : indices) {
    const int64_t i = chosen_[static_cast<size_t>(index)];
    at::Tensor image = images_->get(i), partner = partner_(i);
    if (rng != nullptr && options_.crop) crop(*options_.crop, *rng, image, partner);
    image = image.to(at::kFloat).div_(255);
    if (rng != nullptr) augment(options_.augment, *rng, image, partner);
    images.push_back(std::move(image));
    truths.push_back(truth_(partner));
  }
  return {at::stack(images), at::stack(truths)};
}

void add_digests(const ImageStore& images, const ImageStore& partners, const std::string& what,
                 const fs::path& folder, OpenedData& out) {
  for (int64_t i = 0; i < images.size(); ++i) {
    const auto at = static_cast<size_t>(i);
    const fs::path name = images.file(i).filename();
    out.digests.push_back({(fs::path(folder.filename()) / name).string(), images.digests()[at]});
    out.digests.push_back(
        {fmt::format("the {} of {}", what, name.string()), partners.digests()[at]});
  }
}

FilesByName by_name(const std::vector<fs::path>& files, const std::string& what) {
  FilesByName out;
  for (const auto& file : files) {
    const auto [at, is_new] = out.emplace(file.stem().string(), file);
    if (!is_new) {
      fail_user("{} and {} have one name, so {} cannot be told to one of them", at->second.string(),
                file.filename().string(), what);
    }
  }
  return out;
}

std::vector<fs::path> partners(const std::vector<fs::path>& images, FilesByName files,
                               const PartnerText& text, const fs::path& folder,
                               std::vector<std::string>& notes) {
  std::vector<fs::path> out;
  for (const auto& image : images) {
    const auto found = files.find(image.stem().string());
    if (found == files.end()) {
      fail_user("{} has no {}: there is no {} in {}", image.string(), text.what,
                image.stem().string() + text.ending, folder.string());
    }
    out.push_back(found->second);
    files.erase(found);
  }
  std::vector<std::string> unused;
  for (const auto& [name, file] : files) unused.push_back(file.filename().string());
  append(notes, one_line(unused, text.what + "s have no image"));
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

Split split_pairs(const ImageStore& images, const PairSplit& options,
                  std::vector<std::string>& notes) {
  Split split;
  if (!options.index.empty()) {
    split = split_by_index(images, options);
  } else {
    Rng rng(options.seed, "test");
    const auto order = shuffled(images.size(), rng);
    const PartSizes parts = split_parts(images.size(), 0, options.test, "data.images");
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
  append(notes, unused_note(images, split));
  return split;
}

}  // namespace rung
