#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>

#include "rung/base/cores.h"
#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/base/text.h"
#include "rung/cli/bench_report.h"
#include "rung/cli/bench_rounds.h"
#include "rung/cli/draw_inputs.h"
#include "rung/cli/model_arguments.h"
#include "rung/cli/peer.h"
#include "rung/cli/peers.h"
#include "rung/cli/pictures.h"
#include "rung/cli/program_options.h"
#include "rung/cli/verbs.h"
#include "rung/inspect/program_report.h"
#include "rung/io/file_kind.h"

namespace rung::cli {
namespace {

struct BenchCommand {
  std::string model;
  ModelOptions opening;
  ProgramOptions compiling;
  std::vector<std::string> precisions = {"fp32"};
  std::vector<std::string> against;
  std::optional<int64_t> batch;
  int runs = 21;
  std::string svg, json;
  uint64_t seed = 0;
};

double ms_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

void check(const BenchCommand& command) {
  for (const auto& name : command.against) {
    const auto& names = peer_names();
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    fail_user("--against {}: rung is compared with {}", quoted(name), join(names, ", "));
  }
  if (command.runs < 1 || command.runs > 100000) {
    fail_user("--runs {}: from 1 to 100000", command.runs);
  }
  if (!command.svg.empty()) check_picture_file("--svg", command.svg, ".svg");
  if (!command.json.empty()) check_writable(command.json);
  if (command.batch && *command.batch < 1) fail_user("--batch {}: 1 or more", *command.batch);
  const auto& all = command.precisions;
  if (command.compiling.fast_bf16 && std::find(all.begin(), all.end(), "bf16") == all.end()) {
    fail_user("--fast-bf16: the precision is {}; give --precision bf16 too", join(all, ", "));
  }
}

/// The graph with that many examples in every input.
Graph with_batch(const Graph& graph, int64_t batch) {
  InputShapes shapes;
  for (const NodeId id : graph.inputs()) {
    const TensorType& type = graph.type({id, 0});
    const size_t axis = type.axis_of(Role::kBatch);
    if (axis == type.rank()) {
      fail_user("--batch {}: input {} ({}) has no batch axis", batch, quoted(graph.node(id).name),
                to_string(type));
    }
    Shape shape = type.shape;
    shape[axis] = batch;
    shapes.emplace(graph.node(id).name, shape);
  }
  return resize_inputs(graph, shapes);
}

/// A program of rung's that takes part.
struct Entrant {
  Precision precision = Precision::kF32;
  rung::Program program;
  std::vector<Tensor> outputs = {};
};

Runner runner_of(Entrant& entrant, const std::vector<Tensor>& inputs) {
  return [&entrant, &inputs](int runs) {
    std::vector<double> ms;
    for (int i = 0; i < runs; ++i) {
      const auto start = std::chrono::steady_clock::now();
      entrant.program.run(inputs, entrant.outputs);
      ms.push_back(ms_since(start));
    }
    return ms;
  };
}

/// All who take part, rung's programs first.
class Bench {
 public:
  Bench(const BenchCommand& command, const Model& model, double open_ms)
      : command_(command), model_(model), open_ms_(open_ms) {
    inputs_ = draw_inputs(model.graph, command.seed);
    report_.network = command.model;
    report_.machine = cpu_name();
    report_.threads = command.compiling.threads > 0 ? command.compiling.threads : usable_cores();
    for (const NodeId id : model.graph.inputs()) {
      report_.inputs.push_back(model.graph.node(id).name + " " +
                               to_string(model.graph.type({id, 0})));
    }
  }

  BenchReport run() {
    for (const auto& precision : command_.precisions) add_program(precision);
    for (const auto& name : command_.against) add_peers(name);
    measure();
    compare();
    look_inside();
    return std::move(report_);
  }

 private:
  void add_program(const std::string& precision) {
    ProgramOptions compiling = command_.compiling;
    compiling.precision = precision;
    compiling.fast_bf16 = compiling.fast_bf16 && precision == "bf16";
    const CompileOptions options = compile_options(compiling);
    const auto start = std::chrono::steady_clock::now();
    auto entrant = std::make_unique<Entrant>(
        Entrant{.precision = options.precision, .program = compile_network(model_, options)});
    entrant->outputs = entrant->program.run(inputs_);
    const CompileReport report = entrant->program.report();
    report_.rows.push_back({.name = fmt::format("rung {}", name(options.precision)),
                            .load_ms = open_ms_ + ms_since(start),
                            .memory_bytes = report.arena_bytes + report.weight_bytes});
    entrants_.push_back(std::move(entrant));
  }

  void add_peers(const std::string& name) {
    PeerTask task{.model = model_,
                  .inputs = inputs_,
                  .threads = report_.threads,
                  .precisions = command_.precisions,
                  .folder = folder_.path()};
    // Without sizes and numbers of the user's own, a file is what others would open as it is.
    const ModelOptions& opening = command_.opening;
    if (path_exists(command_.model) && opening.shapes.empty() && opening.numbers.empty() &&
        !command_.batch && file_content(command_.model).kind == FileKind::kOnnx) {
      task.onnx = command_.model;
    }
    try {
      for (const auto& start : peer_commands(name, task)) add_peer(name, start);
    } catch (const Error& error) {
      report_.rows.push_back({.name = name, .error = error.what()});
      peers_.push_back(nullptr);
    }
  }

  void add_peer(const std::string& name, const std::vector<std::string>& start) {
    BenchRow row{.name = name};
    std::unique_ptr<Peer> peer;
    try {
      const auto folder = folder_.path() / std::to_string(report_.rows.size());
      std::filesystem::create_directory(folder);
      peer = std::make_unique<Peer>(start, folder);
      row.name = peer->name();
      row.load_ms = peer->load();
      row.name = peer->name();
    } catch (const Error& error) {
      row.error = error.what();
      peer = nullptr;
    }
    report_.rows.push_back(std::move(row));
    peers_.push_back(std::move(peer));
  }

  size_t first_peer() const { return entrants_.size(); }

  void measure() {
    std::vector<Runner> runners;
    std::vector<size_t> rows;
    for (size_t i = 0; i < report_.rows.size(); ++i) {
      if (!report_.rows[i].error.empty()) continue;
      rows.push_back(i);
      if (i < first_peer()) {
        runners.push_back(runner_of(*entrants_[i], inputs_));
      } else {
        Peer& peer = *peers_[i - first_peer()];
        runners.push_back([&peer](int runs) { return peer.run(runs); });
      }
    }
    const auto failed = [&](size_t runner, const std::exception& error) {
      report_.rows[rows[runner]].error = error.what();
    };
    auto times = run_rounds(runners, command_.runs, failed);
    for (size_t k = 0; k < rows.size(); ++k) report_.rows[rows[k]].ms = std::move(times[k]);
  }

  void compare() {
    for (size_t i = 1; i < report_.rows.size(); ++i) {
      BenchRow& row = report_.rows[i];
      if (!row.error.empty()) continue;
      if (i >= first_peer() && !report_.yardstick) report_.yardstick = i;
      try {
        std::vector<Tensor> outputs =
            i < first_peer() ? entrants_[i]->outputs : peers_[i - first_peer()]->outputs();
        row.difference = relative_difference(outputs, entrants_.front()->outputs);
      } catch (const Error& error) {
        row.error = error.what();
      }
      if (i >= first_peer()) row.memory_bytes = peers_[i - first_peer()]->memory_bytes();
    }
  }

  void look_inside() {
    peers_.clear();
    for (const auto& entrant : entrants_) {
      const int runs = std::clamp(command_.runs, 5, 101);
      report_.programs.push_back({.precision = entrant->precision,
                                  .report = entrant->program.report(),
                                  .times = entrant->program.time(inputs_, runs),
                                  .peak = measure_peak(entrant->precision, report_.threads)});
    }
  }

  const BenchCommand& command_;
  const Model& model_;
  double open_ms_ = 0;
  TemporaryFolder folder_;
  std::vector<Tensor> inputs_;
  std::vector<std::unique_ptr<Entrant>> entrants_;
  std::vector<std::unique_ptr<Peer>> peers_;  ///< of the rows behind the entrants'; null: none
  BenchReport report_;
};

void bench(const BenchCommand& command) {
  check(command);
  for (const auto& precision : command.precisions) precision_from_name(precision);
  check_threads(command.compiling.threads);
  const auto start = std::chrono::steady_clock::now();
  Model model = open_model(command.model, options_for(command.opening));
  const double open_ms = ms_since(start);
  draw_missing(model, command.seed);
  if (command.batch) model.graph = with_batch(model.graph, *command.batch);
  const BenchReport report = Bench(command, model, open_ms).run();
  std::fputs(to_text(report).c_str(), stdout);
  for (const auto& [file, content] :
       {std::pair(command.json, to_json(report)), std::pair(command.svg, to_svg(report))}) {
    if (file.empty()) continue;
    write_file(file, content);
    std::printf("wrote %s\n", file.c_str());
  }
}

void add_bench_options(CLI::App& verb, BenchCommand& command) {
  verb.add_option("MODEL", command.model, kModelHelp)->required();
  verb.add_option(
          "--against", command.against,
          "Others that run the same network in turn, in each --precision that they have: "
          "onnxruntime, "
          "openvino, torch (eager), torch-compile (inductor, frozen), torch-trace (optimized for "
          "inference), opencv. script/peers installs them (opencv: python3-opencv)")
      ->type_name("PEER,…")
      ->delimiter(',')
      ->allow_extra_args(false);
  verb.add_option("--precision", command.precisions, "fp32, bf16, or both: programs that take part")
      ->type_name("NAME,…")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->capture_default_str();
  verb.add_option("--threads", command.compiling.threads,
                  "Of everybody; 0: every core that the process may use")
      ->capture_default_str();
  verb.add_option("--batch", command.batch,
                  "Examples at a time, 1 or more; else as the network is planned");
  verb.add_option("--runs", command.runs, "Counted runs of each, at least")->capture_default_str();
  verb.add_option("--svg", command.svg, "A bar chart")->type_name("FILE");
  verb.add_option("--json", command.json, "Everything, for programs")->type_name("FILE");
}

}  // namespace

void add_bench(CLI::App& app) {
  auto* verb = app.add_subcommand(
      "bench",
      "Measures a network's program, also against other programs, and where its time goes");
  const auto command = std::make_shared<BenchCommand>();
  add_bench_options(*verb, *command);
  add_plan_options(*verb, command->compiling);
  add_model_options(*verb, command->opening);
  add_seed(*verb, command->seed, "Draws the input, and weights that the network lacks");
  verb->footer(
      "All take turns in one session, each in a process of its own; medians count.\n\n"
      "Examples:\n"
      "  rung bench zoo:resnet50\n"
      "  rung bench resnet18.onnx --against onnxruntime,openvino,torch-compile --svg resnet18.svg\n"
      "  rung bench unet.rung --shape 1x3x256x256 --precision fp32,bf16 --against onnxruntime\n"
      "  rung bench zoo:densenet121 --batch 8 --threads 1 --json densenet.json");
  verb->callback([command] { bench(*command); });
}

}  // namespace rung::cli
