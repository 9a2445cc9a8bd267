#include <algorithm>
#include <set>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/graph/rewrite.h"
#include "rung/train/recipe_parts.h"

namespace rung {
namespace {

/// One term: dice = 1, or focal = { weight = 1, gamma = 2 }.
LossTerm read_term(TomlReader& loss, const std::string& kind) {
  LossTerm term{.kind = kind};
  if (!loss.is_table(kind)) {
    loss.read(kind, term.weight, 0, 1000);
    return term;
  }
  auto table = loss.table(kind);
  table->read("weight", term.weight, 0, 1000);
  if (kind == "focal") table->read("gamma", term.gamma, 0, 100);
  if (kind == "tversky") {
    table->read("alpha", term.alpha, 0, 100);
    table->read("beta", term.beta, 0, 100);
  }
  if (kind == "huber") table->read("delta", term.delta, 1e-12, 1e12);
  table->finish();
  return term;
}

/// label = "COLUMN", numbers = ["COLUMN", …], or mask = "COLUMN" and what it means.
TableTarget read_target(TomlReader& table) {
  TableTarget target;
  table.read("label", target.label);
  target.numbers = table.texts("numbers").value_or(std::vector<std::string>());
  table.read("mask", target.mask);
  const int given = (target.label.empty() ? 0 : 1) + (target.numbers.empty() ? 0 : 1) +
                    (target.mask.empty() ? 0 : 1);
  if (given != 1) {
    fail_user(
        "{} needs one of label (a column of classes), numbers (columns) and mask (a column of "
        "files)",
        table.where());
  }
  if (target.mask.empty()) return target;
  target.meaning = read_meaning(table);
  if (target.meaning.in_folders()) {
    fail_user("{}: a column has one mask for each row; classes = {{ NAME = NUMBER, … }}",
              table.where("classes"));
  }
  return target;
}

OutputChoice read_output(TomlReader& table, Recipe& recipe) {
  OutputChoice choice{.name = {}, .loss = recipe.loss};
  if (auto* data = std::get_if<TableData>(&recipe.data)) {
    choice.target = data->targets.size();
    data->targets.push_back(read_target(table));
  }
  if (const auto name = table.text("name")) choice.name = *name;
  if (choice.name.empty()) fail_user("{} needs name, an output of the network", table.where());
  table.read("weight", choice.weight, 0, 1e6);
  if (auto loss = table.table("loss")) {
    choice.loss = {};
    read_loss(*loss, recipe, choice.target, choice.loss);
  }
  table.finish();
  return choice;
}

/// loss = { mse = 1 }, or { kl = { weight = 1, temperature = 4 } }: one term.
void read_hint_loss(TomlReader& loss, Hint& hint) {
  const auto kinds = hint_loss_kinds();
  const auto keys = loss.keys();
  const bool known =
      keys.size() == 1 && std::find(kinds.begin(), kinds.end(), keys[0]) != kinds.end();
  if (!known) fail_user("{} is one of {}, such as {{ mse = 1 }}", loss.where(), join(kinds, ", "));
  hint.term = {.kind = keys[0]};
  if (!loss.is_table(keys[0])) {
    loss.read(keys[0], hint.term.weight, 0, 1e6);
    return;
  }
  auto table = loss.table(keys[0]);
  table->read("weight", hint.term.weight, 0, 1e6);
  if (keys[0] == "huber") table->read("delta", hint.term.delta, 1e-12, 1e12);
  if (keys[0] == "kl") table->read("temperature", hint.temperature, 1e-3, 1e3);
  table->finish();
}

/// The names of the outputs that stay; where the recipe names none, what joining gives, but for
/// those that teach.
std::vector<std::string> kept_outputs(const JoinSpec& spec, const std::vector<Hint>& hints) {
  if (!spec.outputs.empty()) return spec.outputs;
  const Graph graph = plan(spec).apply().graph;
  std::vector<std::string> names;
  for (const Output& output : graph.outputs()) {
    const bool teaches = std::any_of(hints.begin(), hints.end(),
                                     [&](const Hint& hint) { return hint.teacher == output.name; });
    if (!teaches) names.push_back(output.name);
  }
  return names;
}

/// Refuses a hint between two shapes, before any data are read.
void check_shapes(const Hint& hint, const Graph& graph) {
  const auto type = [&](const std::string& tap) -> const TensorType& {
    const auto& outputs = graph.outputs();
    const auto found = std::find_if(outputs.begin(), outputs.end(),
                                    [&](const Output& output) { return output.name == tap; });
    return graph.type(found->value);
  };
  const TensorType &student = type(hint.student), &teacher = type(hint.teacher);
  if (student.shape == teacher.shape) return;
  fail_unlike(hint, to_string(student), to_string(teacher));
}

}  // namespace

void read_loss(TomlReader& loss, const Recipe& recipe, size_t target, LossChoice& out) {
  const Truth truth = truth_of(recipe, target);
  const bool numbers = truth == Truth::kNumbers;
  const bool masks = truth == Truth::kMasks;
  const auto kinds = numbers ? number_loss_kinds() : class_loss_kinds();
  const auto others = numbers ? class_loss_kinds() : number_loss_kinds();
  for (const auto& key : loss.keys()) {
    if (std::find(others.begin(), others.end(), key) == others.end()) continue;
    fail_user("{} is a loss of {}; here these are known: {}", loss.where(key),
              numbers ? "classes" : "numbers", join(kinds, ", "));
  }
  const bool any =
      std::any_of(kinds.begin(), kinds.end(), [&](const auto& kind) { return loss.has(kind); });
  for (const auto& kind : kinds) {
    // cross_entropy stays beside others unless it is set to 0; so does dice of masks.
    const bool usual = kind == "cross_entropy" || (masks && kind == "dice");
    if (loss.has(kind)) {
      out.options.terms.push_back(read_term(loss, kind));
    } else if (any && usual && !numbers) {
      out.options.terms.push_back({.kind = kind});
    }
  }
  if (any && std::all_of(out.options.terms.begin(), out.options.terms.end(),
                         [](const LossTerm& term) { return term.weight == 0; })) {
    fail_user("{}: no term has a weight", loss.where());
  }
  if (numbers) return loss.finish();
  loss.read("label_smoothing", out.options.label_smoothing, 0, 0.99);
  if (loss.is_table("class_weights")) {
    auto weights = loss.table("class_weights");
    for (const auto& name : weights->keys()) {
      weights->read(name, out.class_weights[name], 0, 1e6);
    }
  } else if (const auto how = loss.text("class_weights")) {
    if (*how != "frequency") {
      fail_user("{} is \"frequency\" (every class counts alike) or {{ CLASS = WEIGHT, … }}",
                loss.where("class_weights"));
    }
    out.weigh_classes = true;
  }
  loss.finish();
}

void read_outputs(TomlReader& root, Recipe& recipe, JoinSpec& spec) {
  spec.outputs = root.texts("outputs").value_or(std::vector<std::string>());
  for (auto& table : root.tables("output")) {
    if (root.has("outputs")) {
      fail_user("{}: [[output]] says which outputs there are; leave out outputs", table.where());
    }
    recipe.outputs.push_back(read_output(table, recipe));
    spec.outputs.push_back(recipe.outputs.back().name);
  }
  if (!recipe.outputs.empty()) return;
  if (std::holds_alternative<TableData>(recipe.data)) {
    fail_user("{}: a table needs [[output]] for each output, with name and label, numbers or mask",
              root.where());
  }
  recipe.outputs.push_back({.name = {}, .loss = recipe.loss});
}

void read_hints(TomlReader& root, Recipe& recipe) {
  for (auto& table : root.tables("hint")) {
    Hint hint;
    if (const auto tap = table.text("from")) hint.teacher = *tap;
    if (const auto tap = table.text("to")) hint.student = *tap;
    if (hint.teacher.empty() || hint.student.empty()) {
      fail_user("{} needs from, the tap that teaches, and to, the tap that learns", table.where());
    }
    if (auto loss = table.table("loss")) read_hint_loss(*loss, hint);
    table.finish();
    recipe.hints.push_back(std::move(hint));
  }
}

void match_inputs(Recipe& recipe) {
  auto* data = std::get_if<TableData>(&recipe.data);
  if (data == nullptr) return;
  const Graph graph = recipe.plan.apply().graph;
  std::vector<TableInput> inputs;
  for (const NodeId id : graph.inputs()) {
    const std::string& name = graph.node(id).name;
    const auto found = std::find_if(data->inputs.begin(), data->inputs.end(),
                                    [&](const TableInput& input) { return input.input == name; });
    if (found == data->inputs.end()) {
      std::vector<std::string> given;
      for (const TableInput& input : data->inputs) given.push_back(quoted(input.input));
      fail_user(
          "the network's input {} {} has no data: [data.inputs.{}] is missing; there are data for "
          "{}",
          quoted(name), to_string(graph.type({id, 0})), quoted(name),
          given.empty() ? "no other" : join(given, ", "));
    }
    inputs.push_back(std::move(*found));
    data->inputs.erase(found);
  }
  if (!data->inputs.empty()) {
    std::vector<std::string> names;
    for (const TableInput& input : inputs) names.push_back(input.input);
    fail_user("data.inputs: the network has no input {}; its inputs are {}",
              quoted(data->inputs[0].input), join(names, ", "));
  }
  data->inputs = std::move(inputs);
}

void plan_hints(Recipe& recipe, JoinSpec& spec) {
  if (recipe.hints.empty()) {
    recipe.plan = plan(spec);
    return;
  }
  spec.outputs = kept_outputs(spec, recipe.hints);
  std::set<std::string> there(spec.outputs.begin(), spec.outputs.end());
  for (const Hint& hint : recipe.hints) {
    for (const auto& tap : {hint.teacher, hint.student}) {
      if (there.insert(tap).second) spec.extra_outputs.push_back(tap);
    }
  }
  recipe.plan = plan(spec);
  const Graph graph = recipe.plan.apply().graph;
  for (const Hint& hint : recipe.hints) check_shapes(hint, graph);
  const std::vector<Output> kept(
      graph.outputs().begin(),
      graph.outputs().begin() + static_cast<ptrdiff_t>(spec.outputs.size()));
  const Graph trained = extract(graph, kept);
  for (const Model& model : spec.models) {
    const std::string prefix = model.name + "/";
    const bool needed = std::any_of(
        trained.nodes().begin(), trained.nodes().end(),
        [&](const Node& node) { return node.name.starts_with(prefix) && !is_leaf(node.op); });
    if (needed || model.name.empty()) continue;
    recipe.teachers.push_back(model.name);
    recipe.freeze.push_back(prefix + "*");
    recipe.notes.push_back(fmt::format(
        "only hints read {}: it stays as it is, and is not in the trained network", model.name));
  }
}

}  // namespace rung
