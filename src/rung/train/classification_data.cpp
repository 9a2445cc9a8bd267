#include "rung/train/classification_data.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/base/text.h"
#include "rung/exec/eager/convert.h"
#include "rung/io/idx.h"
#include "rung/train/digest.h"
#include "rung/train/image_table.h"
#include "rung/train/split.h"

namespace rung {
namespace {

namespace fs = std::filesystem;

std::vector<int64_t> pick(const std::vector<int64_t>& from, int64_t first, int64_t count) {
  return {from.begin() + first, from.begin() + first + count};
}

/// How many of the chosen samples are of each class.
std::vector<int64_t> counts_of(const at::Tensor& labels, const std::vector<int64_t>& chosen,
                               size_t classes) {
  const at::Tensor picked = labels.index_select(0, at::tensor(chosen, at::kLong));
  const at::Tensor sums = labels.dim() == 1
                              ? at::bincount(picked, {}, static_cast<int64_t>(classes))
                              : picked.sum(0).to(at::kLong);
  return {sums.data_ptr<int64_t>(), sums.data_ptr<int64_t>() + classes};
}

fs::path idx_file(const fs::path& folder, const std::string& name) {
  for (const char* ending : {"", ".gz"}) {
    const fs::path path = folder / (name + ending);
    if (fs::exists(path)) return path;
  }
  fail_user("there is neither {0} nor {0}.gz; data.idx is a folder of MNIST's four files",
            (folder / name).string());
}

std::shared_ptr<ImageSource> read_idx(const fs::path& folder, const std::string& part) {
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
  auto source = std::make_shared<ImageSource>();
  source->memory = to_torch(images).unsqueeze(1);
  source->truth = to_torch(labels).to(at::kLong);
  return source;
}

OpenedData open_idx(const ClassificationData& options) {
  const auto train = read_idx(options.idx, "train"), test = read_idx(options.idx, "t10k");
  if (train->shape(0) != test->shape(0)) {
    fail_user("the training images of {} are {} and the test images {}", options.idx.string(),
              to_string(train->shape(0)), to_string(test->shape(0)));
  }
  const int64_t count = train->truth.size(0);
  Rng rng(options.seed, "parts");
  const auto order = shuffled(count, rng);
  const PartSizes parts = split_parts(count, options.validation, 0, options.idx.string());
  const int64_t used = options.limit > 0 ? std::min(options.limit, parts.train) : parts.train;
  OpenedData out;
  out.parts.train = std::make_shared<SourceImages>(train, pick(order, 0, used), options.augment);
  out.parts.validation =
      std::make_shared<SourceImages>(train, pick(order, parts.train, parts.validation), Augment{});
  out.parts.test = std::make_shared<SourceImages>(test, in_order(test->truth.size(0)), Augment{});
  const int64_t classes = train->truth.max().item<int64_t>() + 1;
  const int64_t largest = test->truth.max().item<int64_t>();
  if (largest >= classes) {
    fail_user("the test labels of {} go up to {}, and those to train on only to {}",
              options.idx.string(), largest, classes - 1);
  }
  for (int64_t i = 0; i < classes; ++i) out.names.push_back(std::to_string(i));
  out.counts = counts_of(train->truth, pick(order, 0, used), out.names.size());
  for (const auto& [name, source] : {std::pair("train", train), {"t10k", test}}) {
    out.digests.push_back({std::string(name) + "-images", digest_of(source->memory.contiguous())});
    out.digests.push_back({std::string(name) + "-labels", digest_of(source->truth)});
  }
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

/// Files as a source; the sizes must be equal.
std::shared_ptr<ImageSource> open_files(std::vector<fs::path> files, at::Tensor labels,
                                        const fs::path& root, const ClassificationData& options,
                                        OpenedData& out) {
  auto source = std::make_shared<ImageSource>();
  source->truth = std::move(labels);
  source->files = open_pictures(std::move(files), root,
                                {.channels = options.channels, .size = options.size}, out);
  return source;
}

std::shared_ptr<ImageSource> read_folders(const fs::path& folder, const ClassificationData& options,
                                          OpenedData& out) {
  std::vector<fs::path> files, left_out;
  std::vector<int64_t> labels;
  for (size_t k = 0; k < out.names.size(); ++k) {
    if (!path_exists(folder / out.names[k])) continue;  // a part may lack some of the classes
    FolderImages images = image_files(folder / out.names[k]);
    for (auto& note : left_out_note(images.left_out)) out.notes.push_back(std::move(note));
    for (auto& file : images.files) {
      files.push_back(std::move(file));
      labels.push_back(static_cast<int64_t>(k));
    }
  }
  return open_files(std::move(files), at::tensor(labels, at::kLong), options.folder, options, out);
}

/// The part of the data that has a folder of its own; its classes are among those to train on.
std::shared_ptr<SourceImages> read_part(const fs::path& folder, const ClassificationData& options,
                                        OpenedData& out) {
  for (const auto& name : class_folders(folder)) {
    if (std::find(out.names.begin(), out.names.end(), name) != out.names.end()) continue;
    fail_user("{} is none of the classes to train on, which are {}", (folder / name).string(),
              join(out.names, ", "));
  }
  const auto source = read_folders(folder, options, out);
  if (source->truth.size(0) == 0) fail_user("the folder {} holds no class", folder.string());
  return std::make_shared<SourceImages>(source, in_order(source->truth.size(0)), Augment{});
}

/// The parts of one source; those that `out` has already stay.
void set_parts(const std::shared_ptr<const ImageSource>& source, const Split& split,
               const ClassificationData& options, OpenedData& out) {
  std::vector<int64_t> train = split.train;
  if (options.limit > 0 && options.limit < static_cast<int64_t>(train.size())) {
    train.resize(static_cast<size_t>(options.limit));
  }
  const auto part = [&](const std::vector<int64_t>& chosen, const Augment& augment) {
    return std::make_shared<SourceImages>(source, chosen, augment);
  };
  out.parts.train = part(train, options.augment);
  const bool drawn = out.parts.test == nullptr && !(split.validation.empty() && split.test.empty());
  if (out.parts.validation == nullptr) out.parts.validation = part(split.validation, {});
  if (out.parts.test == nullptr) out.parts.test = part(split.test, {});
  out.counts = counts_of(source->truth, train, out.names.size());
  const auto all = counts_of(source->truth, in_order(source->truth.size(0)), out.names.size());
  for (size_t k = 0; k < out.names.size(); ++k) {
    if (out.counts[k] == 0) {
      out.notes.push_back(fmt::format("class {} has no image to train on, so it cannot be learned",
                                      quoted(out.names[k])));
    } else if (all[k] < 3 && drawn && out.counts[k] == all[k]) {
      out.notes.push_back(
          fmt::format("class {} has {} alone, in the training part: what is learned of "
                      "it is not measured",
                      quoted(out.names[k]), all[k] == 1 ? "one image" : "two images"));
    }
  }
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
  const auto source = read_folders(root, options, out);
  const auto own = [&](const char* part) {
    return parted && fs::is_directory(options.folder / part);
  };
  if (own("val")) out.parts.validation = read_part(options.folder / "val", options, out);
  if (own("test")) out.parts.test = read_part(options.folder / "test", options, out);
  const int64_t* first = source->truth.data_ptr<int64_t>();
  const std::vector<int64_t> labels(first, first + source->truth.size(0));
  if (own("val") && options.fold) {
    fail_user("{} has a part val/ of its own; leave out data.fold", options.folder.string());
  }
  const Split split = draw_split(source->truth.size(0), labels, {},
                                 {.validation = own("val") ? 0 : options.validation,
                                  .test = own("test") ? 0 : options.test,
                                  .fold = own("val") ? std::nullopt : options.fold,
                                  .seed = options.seed},
                                 root.string());
  set_parts(source, split, options, out);
  return out;
}

/// The columns of labels: `label`, `label2` and so on.
std::vector<size_t> label_columns(const Csv& csv) {
  std::vector<size_t> columns;
  for (size_t i = 0; i < csv.columns.size(); ++i) {
    const std::string& name = csv.columns[i];
    const bool numbered =
        name.starts_with("label") && std::all_of(name.begin() + 5, name.end(), [](char c) {
          return std::isdigit(static_cast<unsigned char>(c)) != 0;
        });
    if (numbered) columns.push_back(i);
  }
  if (columns.empty()) {
    fail_user("{} has no column 'label'; its columns are {}", csv.file, join(csv.columns, ", "));
  }
  return columns;
}

OpenedData open_csv(const ClassificationData& options) {
  const fs::path root = options.csv.parent_path();
  const ImageTable table = load_image_table(options.csv, root);
  OpenedData out;
  const auto columns = label_columns(table.csv);
  auto known = columns;
  known.push_back(table.csv.column("file"));
  out.notes = unread_note(table.csv, known);
  const at::Tensor labels = read_labels(table.csv, columns, out.names, out.notes);
  out.overlapping = labels.dim() == 2;
  const auto source = open_files(table.files, labels, root, options, out);
  out.digests.push_back({options.csv.filename().string(), digest_of(read_file(options.csv))});
  std::vector<int64_t> strata;
  if (!out.overlapping) {
    strata.assign(labels.data_ptr<int64_t>(), labels.data_ptr<int64_t>() + labels.numel());
  }
  const Split split = split_table(table.csv, strata,
                                  {.validation = options.validation,
                                   .test = options.test,
                                   .fold = options.fold,
                                   .seed = options.seed});
  set_parts(source, split, options, out);
  return out;
}

}  // namespace

at::Tensor read_labels(const Csv& csv, const std::vector<size_t>& columns,
                       std::vector<std::string>& names, std::vector<std::string>& notes) {
  std::set<std::string> known;
  for (size_t row = 0; row < csv.rows.size(); ++row) {
    bool any = false;
    for (const size_t column : columns) {
      const std::string& label = csv.rows[row][column];
      if (!label.empty()) known.insert(label);
      any = any || !label.empty();
    }
    if (!any && columns.size() == 1) {
      fail_user("{}:{}: the label is empty", csv.file, csv.lines[row]);
    }
  }
  names.assign(known.begin(), known.end());
  if (names.size() < 2) {
    fail_user("{} has {} different labels; two at least are needed", csv.file, names.size());
  }
  // "cat" and " Cat" are one class to a person.
  std::map<std::string, std::string> plain;
  for (const auto& name : names) {
    std::string key;
    for (const char c : name) {
      if (std::isspace(static_cast<unsigned char>(c)) == 0) {
        key += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      }
    }
    const auto [other, is_new] = plain.emplace(key, name);
    if (is_new) continue;
    notes.push_back(
        fmt::format("labels {} and {} differ in spaces or case alone, and are two classes",
                    quoted(other->second), quoted(name)));
  }
  const auto place = [&](const std::string& label) {
    return std::lower_bound(names.begin(), names.end(), label) - names.begin();
  };
  const auto rows = static_cast<int64_t>(csv.rows.size());
  if (columns.size() == 1) {
    at::Tensor labels = at::empty({rows}, at::kLong);
    for (int64_t i = 0; i < rows; ++i) {
      labels[i] = place(csv.rows[static_cast<size_t>(i)][columns[0]]);
    }
    return labels;
  }
  at::Tensor labels = at::zeros({rows, static_cast<int64_t>(names.size())});
  for (int64_t i = 0; i < rows; ++i) {
    for (const size_t column : columns) {
      const std::string& label = csv.rows[static_cast<size_t>(i)][column];
      if (!label.empty()) labels[i][place(label)] = 1;
    }
  }
  return labels;
}

OpenedData open_classification(const ClassificationData& options) {
  const int given = (options.idx.empty() ? 0 : 1) + (options.folder.empty() ? 0 : 1) +
                    (options.csv.empty() ? 0 : 1);
  if (given != 1) {
    fail_user("classification data needs one of data.idx, data.folder and data.csv");
  }
  OpenedData out = !options.idx.empty()      ? open_idx(options)
                   : !options.folder.empty() ? open_folder(options)
                                             : open_csv(options);
  out.text =
      fmt::format("{} classes; {} images to train, {} to validate, {} to test", out.names.size(),
                  out.parts.train->size(), out.parts.validation->size(), out.parts.test->size());
  return out;
}

}  // namespace rung
