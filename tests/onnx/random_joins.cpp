// Joins of ONNX files that are drawn at random, for random_joins.py, which runs what is written
// here in ONNX Runtime too.
//
//   random_joins NETWORKS < jobs > answers
//
// NETWORKS holds the files NAME.onnx. A job is a line of JSON; so is its answer:
//   {"seed": 7, "folder": F}                              draws the networks, the taps and the
//   merge
//   {"seed": 7, "folder": F, "networks": ["convnext"], "skip": "layer1 -> layer2 : max"}
//                                                         that join; the seed draws weights, sizes
//   "every": true                                         every value becomes an output
//   "exact": true                                         F/K/exact_I.npy too: rung's in float64
// The answer says what was joined, what came of it, and where the files are: F/joined.onnx, and for
// set K of sizes (the example's, larger ones, odd ones) F/K/input_I.npy and what rung gives,
// F/K/rung_I.npy. The last output is the merged value itself.

#include <torch/torch.h>

#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>

#include "rung/base/error.h"
#include "rung/base/rng.h"
#include "rung/base/text.h"
#include "rung/exec/eager/convert.h"
#include "rung/exec/eager/module.h"
#include "rung/graph/rewrite.h"
#include "rung/graph/taps.h"
#include "rung/io/numpy/npy.h"
#include "rung/io/onnx/export.h"
#include "rung/io/onnx/import.h"
#include "rung/join/plan.h"
#ifdef RUNG_WITH_ONEDNN
#include "rung/exec/eager/fallback.h"
#include "rung/exec/onednn/program.h"
#endif

namespace rung {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int64_t kSize = 64;  ///< height and width of an example
constexpr int kSets = 3;

/// A network of the folder, and the taps that are drawn from.
struct Network {
  Model model;
  std::vector<std::string> taps;
};

/// The layers; of one that several values leave, the first.
std::vector<std::string> taps_of(const Graph& graph) {
  const TapIndex index(graph);
  std::vector<std::string> names = index.names();
  for (std::string& name : names) {
    try {
      index.find(name);
    } catch (const Error&) {
      name += ":0";
    }
  }
  return names;
}

class Networks {
 public:
  explicit Networks(const fs::path& folder) : folder_(folder) {
    for (const auto& file : fs::directory_iterator(folder)) {
      if (file.path().extension() == ".onnx") names_.push_back(file.path().stem().string());
    }
    std::sort(names_.begin(), names_.end());
    if (names_.empty()) fail_user("{} holds no .onnx files", folder.string());
  }
  const std::vector<std::string>& names() const { return names_; }
  const Network& at(const std::string& name) {
    const auto [entry, is_new] = loaded_.try_emplace(name);
    if (is_new) {
      Model model = load_onnx(folder_ / (name + ".onnx"), {.shapes = {{"", {1, 3, kSize, kSize}}}});
      entry->second.taps = taps_of(model.graph);
      entry->second.model = std::move(model);
    }
    return entry->second;
  }

 private:
  fs::path folder_;
  std::vector<std::string> names_;
  std::map<std::string, Network> loaded_;
};

struct Drawn {
  std::vector<std::string> networks;  ///< one, or two, which are then called a and b
  Skip skip;
};

template <typename T>
const T& pick(Rng& rng, const std::vector<T>& from) {
  return from.at(static_cast<size_t>(rng.integer(0, static_cast<int64_t>(from.size()) - 1)));
}

std::vector<Model> models_of(const Drawn& drawn, Networks& networks) {
  if (drawn.networks.size() == 1) return {networks.at(drawn.networks[0]).model};
  return {networks.at(drawn.networks[0]).model.named("a"),
          networks.at(drawn.networks[1]).model.named("b")};
}

/// A merge that may suit the target: append and prepend are for what has time.
const MergeRule& draw_merge(Rng& rng, const Graph& graph, const std::string& target) {
  bool timed = false;
  try {
    timed = !graph.type(TapIndex(graph).find(target).value).axes_of(Role::kTime).empty();
  } catch (const Error&) {  // several values leave the layer: the plan says so
  }
  while (true) {
    const MergeRule& rule = pick(rng, merge_rules());
    if (timed || rule.needs != Needs::kSameWidth) return rule;
  }
}

bool has_one_entry(const Graph& graph, const std::string& layer) {
  try {
    TapIndex(graph).find(layer + "@in");
    return true;
  } catch (const Error&) {
    return false;
  }
}

Drawn draw(uint64_t seed, Networks& networks) {
  Rng rng(seed, "join of files");
  const bool two = rng.uniform() < 0.5;
  Drawn out{.networks = {pick(rng, networks.names())}, .skip = {}};
  if (two) out.networks.push_back(pick(rng, networks.names()));
  const std::string& last = out.networks.back();
  const std::string from = pick(rng, networks.at(out.networks[0]).taps);
  std::string to = pick(rng, networks.at(last).taps);
  out.skip.merge = draw_merge(rng, networks.at(last).model.graph, to).name;
  if (rng.uniform() < 0.2 && has_one_entry(networks.at(last).model.graph, to)) to += "@in";
  out.skip.from = two ? "a/" + from : from;
  out.skip.to = two ? "b/" + to : to;
  return out;
}

/// The names that a file has for the sizes of its inputs; numbers where they are not free.
std::vector<std::vector<std::string>> declared(const OnnxExportReport& report) {
  std::vector<std::vector<std::string>> out;
  for (const std::string& line : report.inputs) {
    auto& sizes = out.emplace_back();
    for (const auto& size : split(line.substr(line.rfind(": ") + 2), ',')) {
      sizes.emplace_back(trim(size));
    }
  }
  return out;
}

/// Sizes of one set. Those of the second are larger by more than a stride of 32, so that all that
/// follows an input changes.
std::vector<Shape> sizes_of_set(const Graph& graph, const OnnxExportReport& report, int set,
                                Rng& rng) {
  std::map<std::string, int64_t> more;
  std::vector<Shape> out;
  const auto names = declared(report);
  for (size_t i = 0; i < names.size(); ++i) {
    const TensorType& type = graph.type({graph.inputs()[i], 0});
    Shape shape = type.shape;
    for (size_t axis = 0; axis < shape.size(); ++axis) {
      const std::string& name = names[i].at(axis);
      if (set == 0 || name.find_first_not_of("0123456789") == std::string::npos) continue;
      const bool batch = type.roles[axis] == Role::kBatch;
      const auto [entry, is_new] = more.try_emplace(name);
      if (is_new) entry->second = batch ? set : set == 1 ? rng.integer(33, 72) : rng.integer(1, 31);
      shape[axis] += entry->second;
    }
    out.push_back(std::move(shape));
  }
  return out;
}

#ifdef RUNG_WITH_ONEDNN
/// Largest difference relative to the largest magnitude of what is wanted; infinite where they
/// cannot be compared.
double difference(const std::vector<Tensor>& got, const std::vector<at::Tensor>& want) {
  double worst = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    const at::Tensor have = to_torch(got.at(i)), ours = want[i];
    if (have.sizes() != ours.sizes() || have.scalar_type() != ours.scalar_type()) return INFINITY;
    if (ours.numel() == 0) continue;
    const at::Tensor a = have.to(at::kDouble), b = ours.to(at::kDouble);
    const double off = (a - b).abs().max().item<double>();
    const double largest = b.abs().max().item<double>();
    if (!std::isfinite(largest)) continue;  // counted as not finite by the reader
    if (off > 0 || !std::isfinite(off)) worst = std::max(worst, off / largest);
    if (!std::isfinite(off)) return INFINITY;
  }
  return worst;
}
#endif

/// Outputs for all values that the network computes.
void give_out_every_value(Graph& graph) {
  int64_t count = 0;
  std::set<Value> known;
  for (const Output& output : graph.outputs()) known.insert(output.value);
  for (size_t i = 0; i < graph.size(); ++i) {
    const Node& node = graph.nodes()[i];
    for (size_t port = 0; port < node.types.size() && !is_leaf(node.op); ++port) {
      const Value value{graph.id(i), static_cast<int32_t>(port)};
      if (!known.insert(value).second) continue;
      graph.add_output(fmt::format("every_{}_{}:{}", count++, op_name(node.op), node.name), value);
    }
  }
}

class Job {
 public:
  Job(const json& job, Networks& networks)
      : job_(job), networks_(networks), seed_(job.at("seed")), rng_(seed_, "numbers") {}

  json answer() {
    if (job_.contains("skip")) {
      drawn_ = {.networks = job_.at("networks"), .skip = parse_skip(job_.at("skip"))};
    } else {
      drawn_ = draw(seed_, networks_);
    }
    out_["networks"] = drawn_.networks;
    out_["skip"] = to_string(drawn_.skip);
    step("import");
    try {
      const auto models = models_of(drawn_, networks_);
      step("join");
      model_ = plan({.models = models, .skips = {drawn_.skip}}).apply();
      if (!job_.value("plan", false)) run();
      step("done");
    } catch (const Error& error) {
      out_["error"] = error.what();
      out_["kind"] = error.kind() == ErrorKind::kUser          ? "user"
                     : error.kind() == ErrorKind::kUnsupported ? "unsupported"
                                                               : "bug";
    } catch (const std::exception& error) {
      out_["error"] = error.what();
      out_["kind"] = "bug";
    }
    return out_;
  }

 private:
  void step(const char* name) { out_["step"] = name; }

  void run() {
    step("export");
    Graph& graph = model_.graph;
    graph.add_output("merged", graph.skips().at(0).merged);
    if (job_.value("every", false)) give_out_every_value(graph);
    draw_missing(model_, seed_);
    const fs::path folder = job_.at("folder").get<std::string>();
    fs::create_directories(folder);
    const OnnxExportReport report = save_onnx(model_, folder / "joined.onnx");
    out_["held"] = report.held;
    out_["inputs"] = report.inputs;
    json outputs = json::array();
    for (const Output& output : graph.outputs()) outputs.push_back(output.name);
    out_["outputs"] = std::move(outputs);
    Module module(model_, {.seed = seed_}), exact(nullptr);
    module->eval();
    if (job_.value("exact", false)) {
      exact = Module(model_, ModuleOptions{.seed = seed_});
      exact->eval();
      exact->to(at::kDouble);
    }
#ifdef RUNG_WITH_ONEDNN
    step("compile");
    program_ = compile(model_,
                       {.threads = 1, .measure = false, .cache = {}, .fallback = eager_fallback()});
#endif
    for (int set = 0; set < kSets; ++set) {
      const fs::path place = folder / std::to_string(set);
      const auto inputs = run_set(*module, sizes_of_set(graph, report, set, rng_), place);
      if (!exact.is_empty()) save(place, "exact", exact->forward(in_double(inputs)));
    }
  }

  std::vector<at::Tensor> run_set(ModuleImpl& module, const std::vector<Shape>& sizes,
                                  const fs::path& folder) {
    fs::create_directories(folder);
    std::vector<at::Tensor> inputs;
#ifdef RUNG_WITH_ONEDNN
    std::vector<Tensor> given;
#endif
    json shapes = json::array();
    for (const Shape& shape : sizes) {
      Tensor x(DType::kF32, shape);
      for (int64_t i = 0; i < x.elements(); ++i) x.set(i, rng_.normal());
      save_npy(folder / fmt::format("input_{}.npy", inputs.size()), x);
      inputs.push_back(to_torch(x));
#ifdef RUNG_WITH_ONEDNN
      given.push_back(std::move(x));
#endif
      shapes.push_back(shape);
    }
    out_["sets"].push_back({{"sizes", shapes}});
    step("run");
    const auto results = module.forward(inputs);
    save(folder, "rung", results);
#ifdef RUNG_WITH_ONEDNN
    step("program");
    out_["sets"].back()["program"] = number(difference(program_->run(given), results));
#endif
    return inputs;
  }

  static void save(const fs::path& folder, const char* who,
                   const std::vector<at::Tensor>& results) {
    for (size_t i = 0; i < results.size(); ++i) {
      save_npy(folder / fmt::format("{}_{}.npy", who, i), from_torch(results[i].contiguous()));
    }
  }
  static std::vector<at::Tensor> in_double(std::vector<at::Tensor> inputs) {
    for (at::Tensor& x : inputs) x = x.to(at::kDouble);
    return inputs;
  }

  static json number(double value) { return std::isfinite(value) ? json(value) : json("inf"); }

  const json& job_;
  Networks& networks_;
  const uint64_t seed_;
  Rng rng_;
  Drawn drawn_;
  Model model_;
  json out_;
#ifdef RUNG_WITH_ONEDNN
  std::optional<Program> program_;
#endif
};

}  // namespace
}  // namespace rung

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: random_joins NETWORKS < jobs > answers\n";
    return 2;
  }
  at::set_num_threads(1);
  const at::NoGradGuard no_grad;
  try {
    rung::Networks networks(argv[1]);
    for (std::string line; std::getline(std::cin, line);) {
      const auto job = nlohmann::json::parse(line);
      std::cout << rung::Job(job, networks).answer().dump() << std::endl;
    }
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}
