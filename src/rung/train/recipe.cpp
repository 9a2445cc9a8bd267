#include "rung/train/recipe.h"

#include <algorithm>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/blocks/zoo.h"
#include "rung/graph/input_roles.h"
#include "rung/io/model_file.h"
#include "rung/io/state_dict.h"
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

void read_network(TomlReader table, const std::string& name, const fs::path& base,
                  const OpenNetwork& open, Recipe& recipe, JoinSpec& spec) {
  Model model = open_network(table, base, open).named(name);
  const auto rename = table.text("rename");  // rules for the names in `weights`
  if (const auto file = table.text("weights")) {
    const auto path = recipe_path(*file, base, table.where("weights"));
    try {
      load_weights_file(model, path,
                        rename ? recipe_path(*rename, base, table.where("rename")) : fs::path());
    } catch (const Error& error) {
      throw placed(error, table.where("weights") + ": " + path.string());
    }
  }
  if (rename && !table.has("weights")) {
    fail_user("{}: it renames what weights loads; give both", table.where("rename"));
  }
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

void check_ends(const Graph& graph, const std::string& file) {
  if (graph.inputs().size() != 1 || graph.outputs().size() != 1) {
    std::vector<std::string> inputs, outputs;
    for (const NodeId id : graph.inputs()) inputs.push_back(graph.node(id).name);
    for (const auto& output : graph.outputs()) outputs.push_back(output.name);
    fail_user(
        "{}: training wants one input and one output; the network has the inputs {} and the "
        "outputs {}\n  fix     wire inputs with `input`, choose an output with `outputs`",
        file, join(inputs, ", "), join(outputs, ", "));
  }
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
  spec.outputs = root.texts("outputs").value_or(std::vector<std::string>());
  auto data = root.table("data");
  if (!data) fail_user("{} has no [data]", path.string());
  read_data(*data, base, recipe);
  if (auto train = root.table("train")) {
    const auto sides = train->texts("side").value_or(std::vector<std::string>());
    set_side(sides, train->where("side"), recipe, spec);
    read_train(*train, base, recipe);
  }
  root.finish();
  try {
    recipe.plan = plan(spec);
  } catch (const Error& error) {
    throw placed(error, path.string());
  }
  check_ends(recipe.plan.apply().graph, path.string());
  return recipe;
}

OpenedData open_data(const Recipe& recipe) {
  if (const auto* data = std::get_if<ClassificationData>(&recipe.data)) {
    return open_classification(*data);
  }
  if (const auto* data = std::get_if<SegmentationData>(&recipe.data)) {
    return open_segmentation(*data);
  }
  return open_forecasting(std::get<ForecastingData>(recipe.data));
}

std::unique_ptr<Task> make_task(const Recipe& recipe, const OpenedData& data) {
  if (std::holds_alternative<ClassificationData>(recipe.data)) {
    return classification_task({.classes = static_cast<int64_t>(data.names.size()),
                                .label_smoothing = recipe.label_smoothing});
  }
  if (std::holds_alternative<SegmentationData>(recipe.data)) {
    return segmentation_task({.dice = recipe.dice});
  }
  return forecasting_task({.horizon = std::get<ForecastingData>(recipe.data).horizon,
                           .places = data.places,
                           .dense = recipe.dense,
                           .relative = recipe.relative});
}

}  // namespace rung
