#include "support/random_join.h"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <optional>

#include "rung/base/error.h"
#include "rung/base/rng.h"
#include "rung/exec/eager/convert.h"
#include "rung/graph/rewrite.h"
#include "rung/graph/taps.h"
#include "rung/join/compose.h"

namespace rung::testing {
namespace {

bool chance(Rng& rng, double share) { return rng.uniform() < share; }

template <typename T>
const T& pick(Rng& rng, const std::vector<T>& from) {
  return from.at(static_cast<size_t>(rng.integer(0, static_cast<int64_t>(from.size()) - 1)));
}

// ---- networks

/// torchvision's widths are fixed, so these weigh a hundred times more than the others.
bool is_large(const std::string& zoo) {
  return zoo.starts_with("resnet") || zoo.starts_with("densenet");
}

/// Small values for settings by name; those that break a setting's own limits are left out.
const std::map<std::string, std::vector<std::string>> kSmall = {
    {"size", {"9", "16", "15x22", "32", "33x29"}},
    {"in", {"1", "3", "4"}},
    {"out", {"2", "5", "8"}},
    {"input", {"3", "8"}},
    {"hidden", {"0", "2", "5"}},
    {"time", {"1", "4", "11"}},
    {"depth", {"4", "6", "8"}},
    {"width", {"4", "8"}},
    {"classes", {"0", "2", "5"}},
    {"base", {"4", "6"}},
    {"levels", {"1", "2", "3"}},
    {"stages", {"1", "2", "3"}},
    {"patch", {"2", "4"}},
    {"layers", {"1", "2"}},
    {"heads", {"1", "2"}},
};

std::vector<std::string> small_values(const ZooSetting& setting) {
  if (setting.kind == ZooSetting::Kind::kChoice) return setting.choices;
  const auto found = kSmall.find(setting.name);
  if (found == kSmall.end()) return {setting.value};
  std::vector<std::string> values;
  for (const auto& value : found->second) {
    if (std::stoll(value) >= setting.low && std::stoll(value) <= setting.high) {
      values.push_back(value);
    }
  }
  // Both sizes of 33x29 are large enough where the first of 32 is.
  if (values.empty()) throw std::runtime_error("no small value for setting " + setting.name);
  return values;
}

ZooSettings draw_settings(Rng& rng, const ZooNetwork& network) {
  ZooSettings settings;
  for (const ZooSetting& setting : network.settings) {
    const bool fixed = is_large(network.name) && setting.name != "size";
    const std::string drawn = pick(rng, small_values(setting));
    settings[setting.name] = !fixed ? drawn : setting.name == "classes" ? "5" : setting.value;
  }
  return settings;
}

DrawnNetwork draw_network(Rng& rng, const std::string& name) {
  const auto& networks = zoo_networks();
  while (true) {
    const ZooNetwork& network = pick(rng, networks);
    if (is_large(network.name) && !chance(rng, 0.2)) continue;
    return {name, network.name, draw_settings(rng, network)};
  }
}

// ---- taps

struct DrawnTap {
  std::string name;
  std::optional<Tap> tap;  ///< none where the name is refused
};

std::optional<Tap> find(const TapIndex& index, const std::string& name) {
  try {
    return index.find(name);
  } catch (const Error&) {
    return std::nullopt;
  }
}

DrawnTap draw_tap(Rng& rng, const TapIndex& index, double entries) {
  std::string name = pick(rng, index.names());
  if (chance(rng, 0.01)) name += "_absent";
  if (chance(rng, entries)) name += "@in";
  auto tap = find(index, name);
  // A layer that several values leave, or a recurrent one.
  if (!tap || chance(rng, 0.1)) {
    const std::string port = name + ":" + std::to_string(rng.integer(0, 2));
    if (auto other = find(index, port)) return {port, std::move(other)};
  }
  return {std::move(name), std::move(tap)};
}

/// The first node that a skip to this tap changes.
int32_t place(const DrawnTap& target) {
  if (!target.tap) return 0;
  return target.tap->readers.empty() ? target.tap->value.node.index
                                     : target.tap->readers.front().index;
}

// ---- skips

template <typename T>
T draw_policy(Rng& rng, T usual, double share, int64_t count) {
  return chance(rng, share) ? usual : static_cast<T>(rng.integer(0, count - 1));
}

// Most merges are possible at that target; a few of the others shall be refused.
void draw_merge(Rng& rng, Skip& skip, const TensorType& target) {
  do {
    skip.merge = pick(rng, merge_rules()).name;
  } while (skip.merge.rule().needs == Needs::kSameWidth && target.rank() != 3 && chance(rng, 0.9));
  const bool promises = skip.merge.rule().identity != Identity::kNever;
  skip.start = chance(rng, promises ? 0.5 : 0.04) ? Start::kIdentity : Start::kRandom;
  const bool concat = skip.merge.rule().needs == Needs::kSameExtent;
  skip.width = chance(rng, concat ? 0.4 : 0.01) ? Width::kWiden : Width::kReduce;
}

void draw_policies(Rng& rng, Skip& skip) {
  skip.align = draw_policy(rng, Align::kAuto, 0.6, 6);
  skip.resize = draw_policy(rng, ops::ResizeMode::kLinear, 0.6, 4);
  skip.collapse = draw_policy(rng, Collapse::kMean, 0.6, 3);
  skip.project = draw_policy(rng, Project::kSource, 0.7, 4);
  skip.out = chance(rng, 0.05) ? rng.integer(1, 8) : 0;
  skip.norm = chance(rng, 0.25);
  skip.detach = chance(rng, 0.15);
}

struct Ends {
  DrawnTap source, target;
};

// Both names are taps, and within one network the source comes first.
bool is_sensible(const Graph& graph, const Ends& ends) {
  if (!ends.source.tap || !ends.target.tap) return false;
  const NodeId source = ends.source.tap->value.node, target = ends.target.tap->value.node;
  return model_of(graph.node(source).name) != model_of(graph.node(target).name) ||
         source.index < place(ends.target);
}

Ends draw_ends(Rng& rng, const Graph& graph, const TapIndex& index,
               const std::vector<Skip>& before) {
  const bool sensible = chance(rng, 0.95);
  for (int tries = 0;; ++tries) {
    Ends ends{draw_tap(rng, index, 0.05), draw_tap(rng, index, 0.25)};
    if (!before.empty() && chance(rng, 0.3)) {
      ends.target = {before.back().to, find(index, before.back().to)};
    }
    if (!sensible || tries == 20 || is_sensible(graph, ends)) return ends;
  }
}

Skip draw_skip(Rng& rng, const Graph& graph, const TapIndex& index,
               const std::vector<Skip>& before) {
  const Ends ends = draw_ends(rng, graph, index, before);
  Skip skip{.from = ends.source.name, .to = ends.target.name};
  draw_merge(rng, skip, ends.target.tap ? graph.type(ends.target.tap->value) : TensorType());
  draw_policies(rng, skip);
  return skip;
}

// ---- sizes

Shape other_size(Rng& rng, const TensorType& type) {
  Shape shape = type.shape;
  for (size_t i = 0; i < type.rank(); ++i) {
    if (type.roles[i] != Role::kSpace && type.roles[i] != Role::kTime) continue;
    shape[i] = pick(rng, Shape{shape[i] + 1, shape[i] - 1, 2 * shape[i], shape[i] + 7, shape[i]});
    shape[i] = std::max<int64_t>(shape[i], 1);
  }
  return shape;
}

bool accepts(const Graph& graph, const std::map<std::string, Shape, std::less<>>& sizes) {
  std::map<std::string, TensorType, std::less<>> types;
  for (const auto& [name, shape] : sizes) {
    TensorType type = graph.type({*graph.find(name), 0});
    type.shape = shape;
    types.emplace(name, type);
  }
  try {
    retype(graph, types);
    return true;
  } catch (const Error&) {
    return false;
  }
}

std::map<std::string, Shape, std::less<>> draw_sizes(Rng& rng, const Graph& graph) {
  std::map<std::string, Shape, std::less<>> planned, other;
  const int64_t batch = rng.integer(2, 3);
  for (const NodeId id : graph.inputs()) {
    const std::string& name = graph.node(id).name;
    const TensorType& type = graph.type({id, 0});
    planned[name] = type.shape;
    other[name] = other_size(rng, type);
    planned[name][0] = other[name][0] = batch;
  }
  return chance(rng, 0.6) && accepts(graph, other) ? other : planned;
}

}  // namespace

DrawnJoin draw_join(uint64_t seed) {
  Rng rng(seed, "join");
  DrawnJoin join{.seed = seed, .training = chance(rng, 0.5)};
  if (chance(rng, 0.4)) {
    join.networks = {draw_network(rng, chance(rng, 0.5) ? "" : "a")};
  } else {
    join.networks = {draw_network(rng, "a"), draw_network(rng, "b")};
  }
  Graph graph = compose(models_of(join)).graph;
  if (join.networks.size() == 2 && chance(rng, 0.3)) {
    const NodeId input = graph.inputs().back();
    const std::string source = "a/" + pick(rng, TapIndex(models_of(join)[0].graph).names());
    join.wires.push_back({source, graph.node(input).name});
  }
  const TapIndex index(graph);
  const int64_t skips = pick(rng, Shape{1, 1, 1, 2, 2, 3});
  for (int64_t i = 0; i < skips; ++i) {
    join.skips.push_back(draw_skip(rng, graph, index, join.skips));
  }
  try {  // sizes that the networks accept, as they are wired
    graph = plan({.models = models_of(join), .wires = join.wires}).apply().graph;
    join.sizes = draw_sizes(rng, graph);
  } catch (const Error&) {  // a wire that is refused; so will the join be
  }
  return join;
}

std::vector<Model> models_of(const DrawnJoin& join) {
  static std::map<std::string, Weights> large;
  std::vector<Model> models;
  for (const DrawnNetwork& network : join.networks) {
    models.push_back(zoo(network.zoo, network.settings).named(network.name));
    if (!is_large(network.zoo)) continue;
    const auto [entry, is_new] = large.try_emplace(network.name + "/" + network.zoo);
    for (const NodeId id : models.back().graph.params()) {
      const std::string& name = models.back().graph.node(id).name;
      const auto& param = *models.back().graph.op_as<ops::Param>(id);
      if (!is_new || param.buffer) continue;
      const at::Tensor weight = to_torch(draw(name, param, 0)).clone().requires_grad_();
      entry->second.emplace(name, from_torch(weight));
    }
    models.back().weights = entry->second;
  }
  return models;
}

std::string to_string(const DrawnJoin& join) {
  std::string out =
      fmt::format("seed {}, {}", join.seed, join.training ? "training" : "evaluating");
  for (const auto& [name, shape] : join.sizes) {
    out += fmt::format(", {} {}", name, rung::to_string(shape));
  }
  out += "\nrung join";
  for (const auto& network : join.networks) {
    out += fmt::format(" {}{}zoo:{}", network.name, network.name.empty() ? "" : "=", network.zoo);
  }
  for (const auto& network : join.networks) {
    for (const auto& [key, value] : network.settings) {
      out += fmt::format(" --set {}{}{}={}", network.name, network.name.empty() ? "" : ".", key,
                         value);
    }
  }
  for (const Wire& wire : join.wires)
    out += fmt::format(" \\\n  --wire '{} -> {}'", wire.from, wire.to);
  for (const Skip& skip : join.skips)
    out += fmt::format(" \\\n  --skip '{}'", rung::to_string(skip));
  return out + " --explain";
}

std::map<std::string, TensorType, std::less<>> run_types(const Graph& graph,
                                                         const DrawnJoin& join) {
  std::map<std::string, TensorType, std::less<>> types;
  int64_t batch = 2;
  for (const auto& [name, shape] : join.sizes) batch = shape.at(0);
  for (const NodeId id : graph.inputs()) {
    TensorType type = graph.type({id, 0});
    const auto drawn = join.sizes.find(graph.node(id).name);
    if (drawn != join.sizes.end()) type.shape = drawn->second;
    type.shape[0] = batch;
    types.emplace(graph.node(id).name, type);
  }
  return types;
}

namespace {

/// The same join with one thing less, in every way.
std::vector<DrawnJoin> simpler(const DrawnJoin& join) {
  std::vector<DrawnJoin> out;
  const auto change = [&](const std::function<void(DrawnJoin&)>& edit) {
    DrawnJoin other = join;
    edit(other);
    if (to_string(other) != to_string(join)) out.push_back(std::move(other));
  };
  for (size_t i = 0; i < join.skips.size(); ++i) {
    change([&](DrawnJoin& j) { j.skips.erase(j.skips.begin() + static_cast<std::ptrdiff_t>(i)); });
  }
  change([](DrawnJoin& j) { j.wires.clear(); });
  change([](DrawnJoin& j) { j.training = false; });
  change([](DrawnJoin& j) { j.sizes.clear(); });
  for (size_t i = 0; i < join.skips.size(); ++i) {
    const auto reset = [&](auto field) {
      change([&](DrawnJoin& j) { j.skips[i].*field = Skip{}.*field; });
    };
    reset(&Skip::align);
    reset(&Skip::resize);
    reset(&Skip::start);
    reset(&Skip::width);
    reset(&Skip::collapse);
    reset(&Skip::project);
    reset(&Skip::out);
    reset(&Skip::norm);
    reset(&Skip::detach);
    change([&](DrawnJoin& j) { j.skips[i].merge = "add"; });
  }
  return out;
}

}  // namespace

DrawnJoin shrink(DrawnJoin join, const std::function<bool(const DrawnJoin&)>& is_wrong) {
  for (int attempts = 0; attempts < 200;) {
    bool smaller = false;
    for (DrawnJoin& other : simpler(join)) {
      ++attempts;
      if (!is_wrong(other)) continue;
      join = std::move(other);
      smaller = true;
      break;
    }
    if (!smaller) break;
  }
  return join;
}

int64_t environment(const char* name, int64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoll(text);
}

}  // namespace rung::testing
