#include "rung/train/recipe.h"

#include <algorithm>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/blocks/zoo.h"
#include "rung/graph/input_roles.h"
#include "rung/graph/new_head.h"
#include "rung/graph/passes/drop_dropout.h"
#include "rung/io/model_file.h"
#include "rung/io/state_dict.h"
#include "rung/train/model_folder.h"
#include "rung/train/recipe_parts.h"

namespace rung {
namespace {

namespace fs = std::filesystem;

/// "encoder/" for a network of several, "" for the only one, which keeps its own names.
std::string prefix_of(const Model& model) { return model.name.empty() ? "" : model.name + "/"; }

InputShapes read_shapes(TomlReader& table) {
  InputShapes shapes;
  if (!table.has("shape")) return shapes;
  const auto read = [&](TomlReader& from, const std::string& key, const std::string& input) {
    const auto sizes = from.integers(key);
    if (std::any_of(sizes->begin(), sizes->end(), [](int64_t size) { return size < 1; })) {
      fail_user("{} is {}; sizes are 1 or more", from.where(key), to_string(*sizes));
    }
    shapes[input] = *sizes;
  };
  if (table.is_table("shape")) {
    auto inputs = table.table("shape");
    for (const auto& name : inputs->keys()) read(*inputs, name, name);
  } else {
    read(table, "shape", "");
  }
  return shapes;
}

InputRoles read_roles(TomlReader& table) {
  InputRoles roles;
  if (!table.has("roles")) return roles;
  const auto read = [&](TomlReader& from, const std::string& key, const std::string& input) {
    const auto names = from.texts(key);
    for (const auto& name : *names) roles[input].push_back(role_from_name(name));
  };
  if (table.is_table("roles")) {
    auto inputs = table.table("roles");
    for (const auto& name : inputs->keys()) read(*inputs, name, name);
  } else {
    read(table, "roles", "");
  }
  return roles;
}

Model read_model(TomlReader& table, const fs::path& base, const OpenNetwork& open) {
  const auto zoo_name = table.text("zoo"), file = table.text("file");
  ZooSettings settings;
  if (auto given = table.table("settings")) {
    for (const auto& key : given->keys()) settings[key] = *given->scalar(key);
  }
  if (zoo_name.has_value() == file.has_value()) {
    fail_user("{} needs either zoo (a built-in network) or file (of a network)", table.where());
  }
  if (file && !settings.empty()) {
    fail_user("{}: only built-in networks (zoo) have settings", table.where("settings"));
  }
  const InputShapes shapes = read_shapes(table);
  const std::string key = zoo_name ? "zoo" : "file";
  try {
    if (file) return open(recipe_path(*file, base, table.where("file")), shapes);
    Model model = zoo(*zoo_name, settings);
    model.graph = resize_inputs(model.graph, shapes);
    return model;
  } catch (const Error& error) {
    throw placed(error, table.where(key));
  }
}

Model open_network(TomlReader& table, const fs::path& base, const OpenNetwork& open) {
  Model model = read_model(table, base, open);
  try {
    model.graph = with_input_roles(model.graph, read_roles(table));
  } catch (const Error& error) {
    throw placed(error, table.where("roles"));
  }
  return model;
}

std::string only_input(const Model& model, const std::string& where) {
  const auto inputs = model.graph.inputs();
  if (inputs.size() == 1) return model.graph.node(inputs[0]).name;
  std::vector<std::string> names;
  for (const NodeId id : inputs) names.push_back(model.graph.node(id).name);
  fail_user("{}: the network has {} inputs ({}); write input = {{ NAME = \"tap\", … }}", where,
            inputs.size(), join(names, ", "));
}

/// `input`: where the network's inputs come from.
void read_wires(TomlReader& table, const Model& model, JoinSpec& spec) {
  if (!table.has("input")) return;
  if (!table.is_table("input")) {
    const auto from = table.text("input");
    spec.wires.push_back({*from, prefix_of(model) + only_input(model, table.where("input"))});
    return;
  }
  auto inputs = table.table("input");
  for (const auto& name : inputs->keys()) {
    spec.wires.push_back({*inputs->text(name), prefix_of(model) + name});
  }
}

/// head = "new", or the number of its classes. Returns whether it was given.
bool give_head(TomlReader& table, Model& model) {
  if (!table.has("head")) return false;
  try {
    if (table.is_integer("head")) {
      int64_t classes = 0;
      table.read("head", classes, 1, 1000000);
      model = with_new_head(model, classes);
    } else if (const auto word = table.text("head"); *word == "new") {
      model = with_new_head(model);
    } else {
      fail_user("it is \"new\", or a number of classes");
    }
  } catch (const Error& error) {
    if (std::string_view(error.what()).starts_with(table.where("head"))) throw;
    throw placed(error, table.where("head"));
  }
  return true;
}

/// What became of weights, where it was not just all of them.
std::vector<std::string> weight_notes(const WeightReport& report, const std::string& file) {
  if (report.complete() && report.adapted.empty() && report.fresh.empty()) return {};
  return {fmt::format("weights of {}: {}", file, report.text())};
}

/// Loads `weights`: a file, or a folder with a config.json that says how pictures are normalised.
std::optional<Normalization> give_weights(TomlReader& table, const fs::path& base, bool new_head,
                                          Model& model, Recipe& recipe) {
  const auto rename = table.text("rename");  // rules for the names in `weights`
  bool partial = false;
  table.read("partial", partial);
  for (const char* key : {"rename", "partial"}) {
    if (!table.has(key) || table.has("weights")) continue;
    fail_user("{}: it is about what weights loads; give both", table.where(key));
  }
  const auto file = table.text("weights");
  if (!file) return std::nullopt;
  const auto path = recipe_path(*file, base, table.where("weights"));
  try {
    std::error_code error;
    const ModelFolder folder =
        fs::is_directory(path, error) ? read_model_folder(path) : ModelFolder{.weights = path};
    const WeightReport report = load_weights_file(
        model, folder.weights,
        rename ? recipe_path(*rename, base, table.where("rename")) : fs::path(),
        {.strict = !partial, .new_head = new_head, .adapt_input = new_head || partial});
    if (report.matched.empty()) fail_user("no weight of it fits: {}", report.text());
    for (auto& note : weight_notes(report, folder.weights.string())) {
      recipe.notes.push_back(std::move(note));
    }
    return folder.normalization;
  } catch (const Error& error) {
    throw placed(error, table.where("weights") + ": " + path.string());
  }
}

/// normalize = "imagenet", or { mean = […], std = […], scale = 255, order = "bgr", size = [h, w] }.
Normalization read_normalization(TomlReader& parent) {
  if (!parent.is_table("normalize")) {
    if (*parent.text("normalize") == "imagenet") return imagenet_normalization();
    fail_user(
        "{} is \"imagenet\" or {{ mean = […], std = […], scale = 255, order = \"bgr\", size "
        "= [h, w] }}",
        parent.where("normalize"));
  }
  auto table = parent.table("normalize");
  Normalization how;
  how.mean = table->numbers("mean").value_or(std::vector<double>());
  how.std = table->numbers("std").value_or(std::vector<double>());
  table->read("scale", how.scale, 1e-12, 1e12);
  if (const auto order = table->text("order")) {
    if (*order != "rgb" && *order != "bgr") {
      fail_user("{} is \"rgb\" or \"bgr\"", table->where("order"));
    }
    how.reversed = *order == "bgr";
  }
  if (const auto size = table->integers("size")) {
    if (size->size() != 2 || (*size)[0] < 1 || (*size)[1] < 1) {
      fail_user("{} is [height, width]", table->where("size"));
    }
    how.size = {(*size)[0], (*size)[1]};
  }
  table->finish();
  return how;
}

/// The means of three channels for a network of grey pictures: their mean.
void fit_channels(const Model& model, Normalization& how, Recipe& recipe) {
  const auto& inputs = model.graph.inputs();
  if (inputs.size() != 1 || how.mean.size() != 3) return;
  const TensorType& type = model.graph.type({inputs[0], 0});
  const auto channel = std::find(type.roles.begin(), type.roles.end(), Role::kChannel);
  if (channel == type.roles.end() ||
      type.shape[static_cast<size_t>(channel - type.roles.begin())] != 1) {
    return;
  }
  for (auto* numbers : {&how.mean, &how.std}) {
    double sum = 0;
    for (const double x : *numbers) sum += x;
    if (!numbers->empty()) *numbers = {sum / static_cast<double>(numbers->size())};
  }
  how.reversed = false;
  recipe.notes.push_back("the weights' means of three channels are averaged for grey pictures");
}

void normalize(TomlReader& table, std::optional<Normalization> how, Model& model, Recipe& recipe) {
  const bool given = table.has("normalize");
  if (given) how = read_normalization(table);
  if (!how) return;
  if (!given) fit_channels(model, *how, recipe);
  try {
    model.graph = normalized(model.graph, *how);
  } catch (const Error& error) {
    throw placed(error, table.where(given ? "normalize" : "weights"));
  }
  if (given) return;
  recipe.notes.push_back(
      fmt::format("{} normalises its input by the config.json of its weights", table.where()));
}

void read_network(TomlReader table, const std::string& name, const fs::path& base,
                  const OpenNetwork& open, Recipe& recipe, JoinSpec& spec) {
  Model model = open_network(table, base, open).named(name);
  const bool new_head = give_head(table, model);
  normalize(table, give_weights(table, base, new_head, model, recipe), model, recipe);
  for (const auto& glob : table.texts("freeze").value_or(std::vector<std::string>())) {
    recipe.freeze.push_back(prefix_of(model) + glob);
  }
  read_wires(table, model, spec);
  table.finish();
  spec.models.push_back(std::move(model));
}

void read_networks(TomlReader& root, const fs::path& base, const OpenNetwork& open, Recipe& recipe,
                   JoinSpec& spec) {
  auto models = root.table("models");
  const auto names = models ? models->keys() : std::vector<std::string>();
  if (names.empty()) {
    fail_user("{} names no network: [models.NAME] with zoo or file is needed", root.where());
  }
  for (const auto& name : names) {
    read_network(*models->table(name), names.size() == 1 ? "" : name, base, open, recipe, spec);
  }
}

void read_skips(TomlReader& root, JoinSpec& spec) {
  for (auto& table : root.tables("skip")) {
    Skip skip;
    for (const auto& key : table.keys()) {
      try {
        set_skip_field(skip, key, *table.scalar(key));
      } catch (const Error& error) {
        throw placed(error, table.where(key));
      }
    }
    if (skip.from.empty() || skip.to.empty()) {
      fail_user("{} needs from and to, two taps", table.where());
    }
    spec.skips.push_back(std::move(skip));
  }
}

/// Side mode: these networks stay as they are, and no gradient is computed in them.
void set_side(const std::vector<std::string>& sides, const std::string& where, Recipe& recipe,
              JoinSpec& spec) {
  std::vector<std::string> names;
  for (const auto& model : spec.models) names.push_back(model.name);
  for (const auto& side : sides) {
    if (names.size() < 2) {
      fail_user(
          "{}: side mode is for several networks, and there is one; freeze = [\"*\"] holds "
          "all its weights",
          where);
    }
    if (std::find(names.begin(), names.end(), side) == names.end()) {
      fail_user("{}: {} is none of the networks; they are {}", where, quoted(side),
                join(names, ", "));
    }
    recipe.freeze.push_back(side + "/*");
    for (auto& skip : spec.skips) {
      if (skip.to.starts_with(side + "/")) {
        fail_user("{}: the skip {} -> {} changes {}, which is to stay as it is", where, skip.from,
                  skip.to, quoted(side));
      }
      skip.detach = skip.detach || skip.from.starts_with(side + "/");
    }
    for (const auto& wire : spec.wires) {
      const std::string source(model_of(wire.from));
      if (!wire.to.starts_with(side + "/") ||
          std::find(sides.begin(), sides.end(), source) != sides.end()) {
        continue;
      }
      fail_user(
          "{}: {} is fed by {}, which is trained, so gradients would have to run through it\n"
          "  rule    in side mode no gradient is computed in the networks that stay\n"
          "  fix     freeze = [\"*\"] for {} instead",
          where, quoted(side), quoted(wire.from), quoted(side));
    }
  }
}

/// The parts follow the run's seed where the data have none of their own.
void draw_parts_by(uint64_t seed, Recipe& recipe) {
  if (auto* data = std::get_if<ClassificationData>(&recipe.data)) data->seed = seed;
  if (auto* data = std::get_if<SegmentationData>(&recipe.data)) data->seed = seed;
  if (auto* data = std::get_if<TableData>(&recipe.data)) data->seed = seed;
  if (auto* data = std::get_if<RegressionData>(&recipe.data)) data->seed = seed;
  if (auto* data = std::get_if<ImageRegressionData>(&recipe.data)) data->seed = seed;
}

/// Refuses a network whose inputs and outputs are not those that the data and the recipe have.
void check_ends(const Recipe& recipe, const JoinSpec& spec, const std::string& file) {
  const Graph graph = recipe.plan.apply().graph;
  std::vector<std::string> inputs, outputs;
  for (const NodeId id : graph.inputs()) inputs.push_back(graph.node(id).name);
  for (const auto& output : graph.outputs()) outputs.push_back(output.name);
  outputs.resize(outputs.size() - spec.extra_outputs.size());  // those of hints stand behind
  const bool table = std::holds_alternative<TableData>(recipe.data);
  if ((inputs.size() == 1 || table) && outputs.size() == recipe.outputs.size()) return;
  fail_user(
      "{}: training wants one input and {}; the network has the inputs {} and the outputs {}\n"
      "  fix     wire inputs with `input`, choose an output with `outputs`, or say with [[output]] "
      "what each is trained for",
      file, recipe.outputs.size() == 1 ? "one output" : "the outputs of [[output]]",
      join(inputs, ", "), join(outputs, ", "));
}

}  // namespace

Model open_rung_file(const fs::path& path, const InputShapes& shapes) {
  Model model = load_model(path);
  model.graph = resize_inputs(model.graph, shapes);
  return model;
}

Recipe load_recipe(const fs::path& path, const std::vector<std::string>& assignments,
                   const OpenNetwork& open) {
  TomlDocument document = load_toml(path);
  for (const auto& assignment : assignments) {
    const auto equals = assignment.find('=');
    if (equals == std::string::npos || equals == 0) {
      fail_user("--set {}: the form is --set KEY=VALUE", quoted(assignment));
    }
    set_toml_key(document, assignment.substr(0, equals), assignment.substr(equals + 1));
  }
  const fs::path base = path.parent_path();
  TomlReader root(document);
  Recipe recipe;
  recipe.settings = document.root;
  // What a run that goes on may change, and the options that the trainer compares itself.
  if (auto train = recipe.settings.find("train"); train != recipe.settings.end()) {
    nlohmann::json kept = nlohmann::json::object();
    for (const char* key : {"loss", "side"}) {
      if (train->contains(key)) kept[key] = (*train)[key];
    }
    *train = std::move(kept);
  }
  recipe.out = base / (path.stem().string() + "_out");
  JoinSpec spec;
  read_networks(root, base, open, recipe, spec);
  read_skips(root, spec);
  auto data = root.table("data");
  if (!data) fail_user("{} has no [data]", path.string());
  const bool own_seed = data->has("seed");
  read_data(*data, base, recipe);
  if (auto train = root.table("train")) {
    const auto sides = train->texts("side").value_or(std::vector<std::string>());
    set_side(sides, train->where("side"), recipe, spec);
    read_train(*train, base, recipe);
  }
  if (!own_seed) draw_parts_by(recipe.train.seed, recipe);
  read_outputs(root, recipe, spec);
  read_hints(root, recipe);
  root.finish();
  try {
    plan_hints(recipe, spec);
    match_inputs(recipe);
  } catch (const Error& error) {
    throw placed(error, path.string());
  }
  check_ends(recipe, spec, path.string());
  return recipe;
}

OpenedData open_data(const Recipe& recipe) {
  if (const auto* data = std::get_if<ClassificationData>(&recipe.data)) {
    return open_classification(*data);
  }
  if (const auto* data = std::get_if<SegmentationData>(&recipe.data)) {
    return open_segmentation(*data);
  }
  if (const auto* data = std::get_if<TableData>(&recipe.data)) return open_table(*data);
  if (const auto* data = std::get_if<RegressionData>(&recipe.data)) return open_regression(*data);
  if (const auto* data = std::get_if<ImageRegressionData>(&recipe.data)) {
    return open_image_regression(*data);
  }
  return open_forecasting(std::get<ForecastingData>(recipe.data));
}

Model joined_network(const Recipe& recipe, const OpenedData& data) {
  Model joined = recipe.plan.apply();
  for (const auto& teacher : recipe.teachers) {
    joined.graph = without_dropout(joined.graph, teacher + "/");
  }
  if (!recipe.measure_normalization) return joined;
  at::Tensor sum, square;
  double pixels = 0;
  for (int64_t i = 0; i < data.parts.train->size(); ++i) {
    const at::Tensor image = data.parts.train->batch(std::vector<int64_t>{i}, nullptr)
                                 .input[0]
                                 .flatten(1)
                                 .to(at::kDouble);
    const at::Tensor s = image.sum(1), q = image.square().sum(1);
    sum = sum.defined() ? sum + s : s;
    square = square.defined() ? square + q : q;
    pixels += static_cast<double>(image.size(1));
  }
  const at::Tensor mean = sum / pixels,
                   std = (square / pixels - mean.square()).clamp_min(1e-12).sqrt();
  Normalization how;
  for (int64_t c = 0; c < mean.numel(); ++c) {
    how.mean.push_back(mean[c].item<double>());
    how.std.push_back(std[c].item<double>());
  }
  joined.graph = normalized(joined.graph, how);
  return joined;
}

}  // namespace rung
