#include <algorithm>
#include <cstdlib>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/train/recipe_parts.h"

namespace rung {
namespace {

std::filesystem::path read_path(TomlReader& table, const char* key,
                                const std::filesystem::path& base) {
  const auto text = table.text(key);
  return text ? recipe_path(*text, base, table.where(key)) : std::filesystem::path();
}

std::optional<std::pair<int64_t, int64_t>> read_size(TomlReader& table, const char* key) {
  const auto sizes = table.integers(key);
  if (!sizes) return std::nullopt;
  const bool valid = sizes->size() == 2 && (*sizes)[0] > 0 && (*sizes)[1] > 0 &&
                     (*sizes)[0] <= 16384 && (*sizes)[1] <= 16384;
  if (!valid) fail_user("{} is [height, width], each from 1 to 16384", table.where(key));
  return std::pair((*sizes)[0], (*sizes)[1]);
}

int read_channels(TomlReader& table) {
  int64_t channels = 3;
  table.read("channels", channels, 1, 3);
  if (channels == 2) fail_user("{} is 1 (grey) or 3 (colour)", table.where("channels"));
  return static_cast<int>(channels);
}

void read_augment(TomlReader& parent, Augment& augment) {
  auto table = parent.table("augment");
  if (!table) return;
  table->read("shift", augment.shift, 0, 10000);
  table->read("flip", augment.flip);
  table->read("rotate", augment.rotate);
  table->read("brightness", augment.brightness, 0, 1);
  table->read("erase", augment.erase, 0, 10000);
  table->finish();
}

/// How the parts are drawn.
template <typename Data>
void read_shares(TomlReader& table, Data& data) {
  table.read("validation", data.validation, 0, 0.9);
  table.read("test", data.test, 0, 0.9);
  if (table.has("seed")) {
    int64_t seed = 0;
    table.read("seed", seed, 0, INT64_MAX);
    data.seed = static_cast<uint64_t>(seed);
  }
}

/// What all data made of images have.
template <typename Data>
void read_images(TomlReader& table, Data& data, Recipe& recipe) {
  data.channels = read_channels(table);
  if (const auto how = table.text("normalize")) {
    if (*how != "measured") {
      fail_user(
          "{} is \"measured\" (the mean and deviation of the training part); those of weights go "
          "to models.NAME.normalize",
          table.where("normalize"));
    }
    recipe.measure_normalization = true;
  }
  read_shares(table, data);
  read_augment(table, data.augment);
}

/// fold = [1, 5]: the first of five.
std::optional<std::pair<int64_t, int64_t>> read_fold(TomlReader& table) {
  const auto fold = table.integers("fold");
  if (!fold) return std::nullopt;
  if (fold->size() != 2 || (*fold)[1] < 2 || (*fold)[1] > 1000 || (*fold)[0] < 1 ||
      (*fold)[0] > (*fold)[1]) {
    fail_user("{} is [WHICH, OF], such as [1, 5] for the first of five folds", table.where("fold"));
  }
  if (table.has("validation")) {
    fail_user("{}: with data.fold, the fold is what validates", table.where("validation"));
  }
  return std::pair((*fold)[0] - 1, (*fold)[1]);
}

ClassificationData classification(TomlReader& table, const std::filesystem::path& base,
                                  Recipe& recipe) {
  ClassificationData data;
  data.idx = read_path(table, "idx", base);
  data.folder = read_path(table, "folder", base);
  data.csv = read_path(table, "csv", base);
  data.fold = read_fold(table);
  data.size = read_size(table, "size");
  read_images(table, data, recipe);
  table.read("limit", data.limit, 0, int64_t{1} << 40);
  const int sources =
      (data.idx.empty() ? 0 : 1) + (data.folder.empty() ? 0 : 1) + (data.csv.empty() ? 0 : 1);
  if (sources != 1) fail_user("{} needs one of idx, folder and csv", table.where());
  for (const char* key : {"size", "channels", "test", "fold"}) {
    if (data.idx.empty() || !table.has(key)) continue;
    fail_user("{} goes with folder or csv; IDX files say their size and bring a test part",
              table.where(key));
  }
  return data;
}

/// A number or "#rrggbb".
Mark read_mark(TomlReader& table, const std::string& key) {
  try {
    if (table.is_integer(key)) return *table.integer(key);
    return parse_color(*table.text(key));
  } catch (const Error& error) {
    if (std::string_view(error.what()).starts_with(table.where(key))) throw;
    throw placed(error, table.where(key));
  }
}

SegmentationData segmentation(TomlReader& table, const std::filesystem::path& base,
                              Recipe& recipe) {
  SegmentationData data;
  data.images = read_path(table, "images", base);
  data.masks = read_path(table, "masks", base);
  data.annotations = read_path(table, "annotations", base);
  data.meaning = read_meaning(table);
  data.index = read_path(table, "index", base);
  data.crop = read_size(table, "crop");
  read_images(table, data, recipe);
  if (data.images.empty() || data.masks.empty() == data.annotations.empty()) {
    fail_user("{} needs images, a folder, and masks, another one, or annotations, a COCO file",
              table.where());
  }
  for (const char* key : {"classes", "ignore", "threshold", "instances"}) {
    if (data.annotations.empty() || !table.has(key)) continue;
    fail_user("{} says what masks mean; data.annotations says so itself", table.where(key));
  }
  return data;
}

ForecastingData forecasting(TomlReader& table, const std::filesystem::path& base, Recipe& recipe) {
  ForecastingData data;
  data.file = read_path(table, "file", base);
  if (const auto inputs = table.texts("inputs")) data.inputs = *inputs;
  if (const auto targets = table.texts("targets")) data.targets = *targets;
  table.read("window", data.window, 1, 1000000);
  table.read("horizon", data.horizon, 1, 1000000);
  if (const auto split = table.numbers("split")) data.split = *split;
  table.read("dense", recipe.dense);
  table.read("relative", recipe.relative);
  if (data.file.empty()) fail_user("{} needs file, a CSV", table.where());
  return data;
}

TableInput table_input(TomlReader table, const std::string& name) {
  TableInput input{.input = name, .image = {}};
  table.read("image", input.image);
  input.numbers = table.texts("numbers").value_or(std::vector<std::string>());
  if (input.image.empty() == input.numbers.empty()) {
    fail_user("{} needs image, a column of files, or numbers, columns of numbers", table.where());
  }
  for (const char* key : {"channels", "size"}) {
    if (!input.image.empty() || !table.has(key)) continue;
    fail_user("{} goes with image", table.where(key));
  }
  input.channels = read_channels(table);
  input.size = read_size(table, "size");
  table.finish();
  return input;
}

TableData table_data(TomlReader& table, const std::filesystem::path& base) {
  TableData data;
  data.csv = read_path(table, "csv", base);
  if (data.csv.empty()) fail_user("{} needs csv, a table with a row per sample", table.where());
  auto inputs = table.table("inputs");
  for (const auto& name : inputs ? inputs->keys() : std::vector<std::string>()) {
    data.inputs.push_back(table_input(*inputs->table(name), name));
  }
  if (data.inputs.empty()) {
    fail_user(
        "{} needs inputs: [data.inputs.NAME] for each input of the network, with image or "
        "numbers",
        table.where());
  }
  data.fold = read_fold(table);
  read_shares(table, data);
  return data;
}

RegressionData regression(TomlReader& table, const std::filesystem::path& base, Recipe& recipe) {
  RegressionData data;
  data.table = read_path(table, "table", base);
  data.root = read_path(table, "root", base);
  if (const auto targets = table.texts("targets")) data.targets = *targets;
  if (data.targets.empty()) {
    fail_user("{} needs targets, a list of columns: targets = [\"NAME\"]", table.where());
  }
  data.fold = read_fold(table);
  data.size = read_size(table, "size");
  read_images(table, data, recipe);
  table.read("limit", data.limit, 0, int64_t{1} << 40);
  return data;
}

ImageRegressionData image_regression(TomlReader& table, const std::filesystem::path& base,
                                     Recipe& recipe) {
  ImageRegressionData data;
  data.images = read_path(table, "images", base);
  data.targets = read_path(table, "targets", base);
  data.index = read_path(table, "index", base);
  data.crop = read_size(table, "crop");
  if (table.has("ignore")) data.ignore = table.number("ignore");
  read_images(table, data, recipe);
  if (data.targets.empty()) {
    fail_user("{} needs targets, a folder of images or .npy files", table.where());
  }
  return data;
}

/// Images and numbers of a table, or images and images.
void read_regression(TomlReader& table, const std::filesystem::path& base, Recipe& recipe) {
  if (table.has("table") == table.has("images")) {
    fail_user(
        "{} needs table, a CSV of images and numbers, or images, a folder whose images have "
        "targets in another one",
        table.where());
  }
  if (table.has("table")) {
    recipe.data = regression(table, base, recipe);
  } else {
    recipe.data = image_regression(table, base, recipe);
  }
}

/// Refuses keys that the chosen kind does not read.
void check_kind(TomlReader& table, const std::string& kind,
                std::initializer_list<std::pair<const char*, std::string_view>> keys) {
  const bool known = kind == "constant" || std::any_of(keys.begin(), keys.end(), [&](auto& entry) {
                       const auto fitting = split(entry.second, ' ');
                       return std::find(fitting.begin(), fitting.end(), kind) != fitting.end();
                     });
  if (!known) return;  // what is to be said of the kind itself says the check of all options
  for (const auto& [key, kinds] : keys) {
    if (!table.has(key)) continue;
    const auto fitting = split(kinds, ' ');
    if (std::find(fitting.begin(), fitting.end(), kind) != fitting.end()) continue;
    fail_user("{} goes with kind = {}, and kind is {}", table.where(key), join(fitting, " or "),
              quoted(kind));
  }
}

void read_optimizer(TomlReader& parent, OptimizerOptions& o) {
  auto table = parent.table("optimizer");
  if (!table) return;
  table->read("kind", o.kind);
  table->read("lr", o.lr, 0, 1e6);
  table->read("momentum", o.momentum, 0, 1);
  table->read("nesterov", o.nesterov);
  table->read("beta1", o.beta1, 0, 1);
  table->read("beta2", o.beta2, 0, 1);
  table->read("eps", o.eps, 0, 1);
  table->read("weight_decay", o.weight_decay, 0, 1e6);
  table->read("decay_norms", o.decay_norms);
  check_kind(*table, o.kind,
             {{"momentum", "sgd"},
              {"nesterov", "sgd"},
              {"beta1", "adam adamw"},
              {"beta2", "adam adamw"},
              {"eps", "adam adamw"}});
  table->finish();
}

void read_schedule(TomlReader& parent, ScheduleOptions& s) {
  auto table = parent.table("schedule");
  if (!table) return;
  table->read("kind", s.kind);
  table->read("warmup", s.warmup, 0, 1e6);
  table->read("final", s.final, 0, 1);
  table->read("every", s.every, 1, 1000000);
  table->read("factor", s.factor, 0, 1e3);
  table->read("peak", s.peak, 0, 1);
  check_kind(*table, s.kind,
             {{"final", "cosine one_cycle"},
              {"every", "step"},
              {"factor", "step"},
              {"peak", "one_cycle"}});
  table->finish();
}

}  // namespace

Truth truth_of(const Recipe& recipe, size_t target) {
  if (const auto* table = std::get_if<TableData>(&recipe.data)) {
    const TableTarget& it = table->targets.at(target);
    return !it.label.empty() ? Truth::kClasses : !it.mask.empty() ? Truth::kMasks : Truth::kNumbers;
  }
  if (std::holds_alternative<ClassificationData>(recipe.data)) return Truth::kClasses;
  return std::holds_alternative<SegmentationData>(recipe.data) ? Truth::kMasks : Truth::kNumbers;
}

MaskMeaning read_meaning(TomlReader& table) {
  MaskMeaning meaning;
  if (table.is_table("classes")) {
    auto classes = table.table("classes");
    for (const auto& name : classes->keys_in_order()) {
      meaning.classes.push_back({name, read_mark(*classes, name)});
    }
    if (meaning.classes.size() < 2) {
      fail_user("{} needs two classes at least, the background among them", table.where("classes"));
    }
  } else if (const auto names = table.texts("classes")) {
    for (const auto& name : *names) meaning.classes.push_back({name, std::nullopt});
  }
  if (table.has("ignore")) meaning.ignore = read_mark(table, "ignore");
  if (table.has("threshold")) {
    int64_t threshold = 0;
    table.read("threshold", threshold, 1, 65535);
    meaning.threshold = threshold;
  }
  if (table.is_table("instances")) {  // instances = { border = 2 }
    auto instances = table.table("instances");
    meaning.instances = true;
    instances->read("border", meaning.border, 1, 100);
    instances->finish();
  } else {
    table.read("instances", meaning.instances);
  }
  try {
    check(meaning);
  } catch (const Error& error) {
    throw placed(error, table.where());
  }
  return meaning;
}

std::filesystem::path recipe_path(const std::string& text, const std::filesystem::path& base,
                                  const std::string& where) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto end = text.find('}', i);
    if (text.compare(i, 2, "${") != 0 || end == std::string::npos) {
      out += text[i];
      continue;
    }
    const std::string name = text.substr(i + 2, end - i - 2);
    const char* value = std::getenv(name.c_str());
    if (value == nullptr || *value == '\0') {
      fail_user("{} = {}: the environment variable {} is not set", where, quoted(text), name);
    }
    out += value;
    i = end;
  }
  if (out.empty()) fail_user("{} is empty; it is a path", where);
  const std::filesystem::path path(out);
  return (path.is_absolute() ? path : base / path).lexically_normal();
}

void read_data(TomlReader table, const std::filesystem::path& base, Recipe& recipe) {
  const auto task = table.text("task");
  const std::string tasks = "classification, segmentation, regression, forecasting, table";
  if (!task) fail_user("{}: data.task is missing; it is one of {}", table.where(), tasks);
  if (*task == "classification") {
    recipe.data = classification(table, base, recipe);
  } else if (*task == "segmentation") {
    recipe.data = segmentation(table, base, recipe);
  } else if (*task == "regression") {
    read_regression(table, base, recipe);
  } else if (*task == "forecasting") {
    recipe.data = forecasting(table, base, recipe);
  } else if (*task == "table") {
    recipe.data = table_data(table, base);
  } else {
    fail_user("{} = {} is not known; it is one of {}", table.where("task"), quoted(*task), tasks);
  }
  table.finish();
}

void read_train(TomlReader table, const std::filesystem::path& base, Recipe& recipe) {
  TrainOptions& o = recipe.train;
  table.read("epochs", o.epochs, 1, 1000000);
  table.read("batch", o.batch, 1, 1000000);
  table.read("eval_batch", o.eval_batch, 0, 1000000);
  int64_t seed = 0, threads = 0;
  table.read("seed", seed, 0, INT64_MAX);
  table.read("threads", threads, 0, 4096);
  o.seed = static_cast<uint64_t>(seed);
  o.threads = static_cast<int>(threads);
  read_optimizer(table, o.optimizer);
  read_schedule(table, o.schedule);
  if (table.has("loss") && std::holds_alternative<TableData>(recipe.data)) {
    fail_user("{}: each [[output]] of a table has a loss of its own", table.where("loss"));
  }
  if (auto loss = table.table("loss")) read_loss(*loss, recipe, 0, recipe.loss);
  table.read("monitor", o.monitor);
  table.read("clip", o.clip, 0, 1e30);
  table.read("precision", o.precision);
  table.read("channels_last", o.channels_last);
  table.read("patience", o.patience, 0, 1000000);
  table.read("device", o.device);
  static_cast<void>(table.texts("side"));  // a matter of the networks: see recipe.cpp
  if (const auto out = table.text("out")) recipe.out = recipe_path(*out, base, table.where("out"));
  recipe.exported = read_path(table, "export", base);
  table.finish();
  try {
    check(o);
  } catch (const Error& error) {
    throw placed(error, table.where());
  }
}

}  // namespace rung
