// One network through the library, for round_trip.py, which compares the results.
//
//   round_trip MODEL FOLDER [--set K] [--shape INPUT=1x3x64x64]... [--number INPUT=FILE.npy]...
//              [--opset N]
//
// MODEL is an ONNX file or zoo:NAME. Without --set, writes FOLDER/export.onnx. With it, runs the
// network on FOLDER/set_0/input_0.npy … FOLDER/set_{K-1}/…, and writes there
//   rung_I.npy       results of the network itself
//   restored_I.npy   of the exported file, read again by the graph in its metadata
//   again_I.npy      of the exported file, read again by its nodes
// Prints one line of JSON: seconds that reading took, the inputs, and in what the restored network
// differs.

#include <fmt/format.h>
#include <torch/torch.h>

#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/blocks/zoo.h"
#include "rung/exec/eager/convert.h"
#include "rung/exec/eager/module.h"
#include "rung/graph/graph.h"
#include "rung/io/numpy/npy.h"
#include "rung/io/onnx/export.h"
#include "rung/io/onnx/import.h"

namespace rung {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

struct Options {
  std::string model;
  fs::path folder;
  int sets = 0;
  OnnxOptions import;
  OnnxExportOptions write;
};

Options parse(int argc, char** argv) {
  if (argc < 3) fail_user("usage: round_trip MODEL FOLDER [options]");
  Options out{.model = argv[1], .folder = argv[2], .sets = 0, .import = {}, .write = {}};
  for (int i = 3; i + 1 < argc; i += 2) {
    const std::string option = argv[i], value = argv[i + 1];
    const auto equals = value.find('=');
    const std::string name = value.substr(0, equals);
    const std::string rest = equals == std::string::npos ? "" : value.substr(equals + 1);
    if (option == "--set") {
      out.sets = std::stoi(value);
    } else if (option == "--opset") {
      out.write.opset = std::stoi(value);
    } else if (option == "--shape") {
      for (const auto& size : split(rest, 'x')) {
        out.import.shapes[name].push_back(std::stoll(std::string(size)));
      }
    } else if (option == "--number") {
      out.import.numbers[name] = load_npy(rest);
    } else {
      fail_user("there is no option {}", option);
    }
  }
  return out;
}

Model read(const Options& options) {
  if (!options.model.starts_with("zoo:")) return load_onnx(options.model, options.import);
  Model model = zoo(options.model.substr(4));
  draw_missing(model, 1);
  return model;
}

/// Runs the network on every set, and keeps the results beside the inputs.
void run(const Model& model, const Options& options, const std::string& prefix) {
  Module net(model);
  net->eval();
  const at::NoGradGuard no_grad;
  for (int k = 0; k < options.sets; ++k) {
    const fs::path folder = options.folder / fmt::format("set_{}", k);
    std::vector<at::Tensor> inputs;
    for (size_t i = 0; i < model.graph.inputs().size(); ++i) {
      inputs.push_back(to_torch(load_npy(folder / fmt::format("input_{}.npy", i))));
    }
    const auto results = net->forward(inputs);
    for (size_t i = 0; i < results.size(); ++i) {
      save_npy(folder / fmt::format("{}_{}.npy", prefix, i), from_torch(results[i].contiguous()));
    }
  }
}

/// In what a network differs from the one that it was written from; empty where in nothing.
std::string difference(const Model& a, const Model& b) {
  if (print(a.graph) != print(b.graph)) return "another graph";
  if (a.weights.size() != b.weights.size()) return "other weights";
  for (const auto& [name, tensor] : a.weights) {
    const auto found = b.weights.find(name);
    if (found == b.weights.end() || !tensor.identical(found->second)) return "the weight " + name;
  }
  return "";
}

json describe(const Graph& graph) {
  json out = json::array();
  for (const NodeId id : graph.inputs()) {
    const auto& input = *graph.op_as<ops::Input>(id);
    out.push_back({{"name", graph.node(id).name},
                   {"shape", input.type.shape},
                   {"dtype", std::string(name(input.type.dtype))},
                   {"fixed", input.fixed},
                   {"why", input.why}});
  }
  return out;
}

json go(const Options& options) {
  const auto start = std::chrono::steady_clock::now();
  const Model model = read(options);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  json out{{"seconds", took.count()}, {"inputs", describe(model.graph)}};
  const fs::path exported = options.folder / "export.onnx";
  if (options.sets == 0) {
    const OnnxExportReport report = save_onnx(model, exported, options.write);
    out["held"] = report.held;
    return out;
  }
  run(model, options, "rung");
  if (!fs::exists(exported)) return out;
  OnnxReport report;
  const Model restored = load_onnx(exported, {}, &report);
  out["restored"] = report.restored ? difference(model, restored) : "not restored";
  run(restored, options, "restored");
  OnnxOptions by_nodes{.shapes = options.import.shapes, .ignore_metadata = true};
  run(load_onnx(exported, by_nodes), options, "again");
  return out;
}

}  // namespace
}  // namespace rung

int main(int argc, char** argv) {
  at::set_num_threads(1);
  try {
    std::printf("%s\n", rung::go(rung::parse(argc, argv)).dump().c_str());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
