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

/// What both kinds of data made of images have.
template <typename Data>
void read_images(TomlReader& table, Data& data) {
  data.channels = read_channels(table);
  table.read("validation", data.validation, 0, 0.9);
  table.read("test", data.test, 0, 0.9);
  read_augment(table, data.augment);
}

ClassificationData classification(TomlReader& table, const std::filesystem::path& base) {
  ClassificationData data;
  data.idx = read_path(table, "idx", base);
  data.folder = read_path(table, "folder", base);
  data.size = read_size(table, "size");
  read_images(table, data);
  table.read("limit", data.limit, 0, int64_t{1} << 40);
  if (data.idx.empty() == data.folder.empty()) {
    fail_user("{} needs either idx or folder", table.where());
  }
  for (const char* key : {"size", "channels", "test"}) {
    if (data.idx.empty() || !table.has(key)) continue;
    fail_user("{} goes with folder; IDX files say their size and bring a test part",
              table.where(key));
  }
  return data;
}

SegmentationData segmentation(TomlReader& table, const std::filesystem::path& base) {
  SegmentationData data;
  data.images = read_path(table, "images", base);
  data.masks = read_path(table, "masks", base);
  data.index = read_path(table, "index", base);
  data.crop = read_size(table, "crop");
  read_images(table, data);
  if (data.images.empty() || data.masks.empty()) {
    fail_user("{} needs images and masks, two folders", table.where());
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
  const std::string tasks = "classification, segmentation, forecasting";
  if (!task) fail_user("{}: data.task is missing; it is one of {}", table.where(), tasks);
  if (*task == "classification") {
    recipe.data = classification(table, base);
  } else if (*task == "segmentation") {
    recipe.data = segmentation(table, base);
  } else if (*task == "forecasting") {
    recipe.data = forecasting(table, base, recipe);
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
  if (auto loss = table.table("loss")) {
    const bool classes = std::holds_alternative<ClassificationData>(recipe.data);
    const bool masks = std::holds_alternative<SegmentationData>(recipe.data);
    for (const auto& [key, fits] : {std::pair("label_smoothing", classes), {"dice", masks}}) {
      if (loss->has(key) && !fits) {
        fail_user(
            "{} is of another task: label_smoothing goes with classification, dice with "
            "segmentation",
            loss->where(key));
      }
    }
    loss->read("label_smoothing", recipe.label_smoothing, 0, 0.99);
    loss->read("dice", recipe.dice, 0, 1000);
    loss->finish();
  }
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
