#include "rung/cli/peers.h"

#include <unistd.h>

#include <cstdlib>
#include <map>

#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/cli/onnx_files.h"
#include "rung/cli/places.h"
#include "rung/exec/onednn/program.h"
#include "rung/io/model_file.h"
#include "rung/io/numpy/npy.h"

namespace rung::cli {
namespace {

using Path = std::filesystem::path;
using Command = std::vector<std::string>;

/// A script of tools/peers: in the folder that RUNG_PEERS names, or beside the command, where it is
/// installed and where a build has a link to it.
std::string script(const std::string& name) {
  const char* given = std::getenv("RUNG_PEERS");
  const Path folder = given != nullptr ? Path(given) : own_folder() / ".." / "share/rung/peers";
  const Path place = (folder / name).lexically_normal();
  if (path_exists(place)) return place.string();
  fail_unsupported("{} is not installed\n  looked for {}", name, place.string());
}

/// The interpreter of the peers: given, as script/peers makes it, or the system's, for which
/// Debian's packages are.
std::string python() {
  const char* given = std::getenv("RUNG_PEERS_PYTHON");
  if (given != nullptr && *given != '\0') return given;
  const Path made = CompileOptions::default_plan_cache().parent_path() / "peers";
  if (path_exists(made / "installed.json")) return (made / "bin/python").string();
  constexpr const char* kSystem = "/usr/bin/python3";
  return path_exists(kSystem) ? kSystem : "python3";
}

std::vector<std::string> input_files(const PeerTask& task) {
  std::vector<std::string> files;
  for (size_t i = 0; i < task.inputs.size(); ++i) {
    const Path file = task.folder / ("input_" + std::to_string(i) + ".npy");
    if (!path_exists(file)) save_npy(file, task.inputs[i]);
    files.push_back(file.string());
  }
  return files;
}

/// The network with every size held, so that a file of it leaves nothing to be found out in a run.
Model with_fixed_sizes(const Model& model) {
  Model fixed{.graph = {}, .weights = model.weights, .name = model.name};
  for (const Node& node : model.graph.nodes()) {
    Op op = node.op;
    if (auto* input = std::get_if<ops::Input>(&op)) {
      input->fixed.clear();
      for (size_t axis = 0; axis < input->type.rank(); ++axis) {
        input->fixed.push_back(static_cast<int64_t>(axis));
      }
      input->why = "rung bench measures at one size";
    }
    fixed.graph.add(node.name, op, node.inputs, node.skip);
  }
  for (const Output& output : model.graph.outputs()) {
    fixed.graph.add_output(output.name, output.value);
  }
  return fixed;
}

std::string onnx_file(PeerTask& task) {
  if (!task.onnx) {
    const Path file = task.folder / "network.onnx";
    save_onnx_file(with_fixed_sizes(task.model), file, std::nullopt);
    task.onnx = file;
  }
  return task.onnx->string();
}

/// rung-torch, which writes what PyTorch reads.
std::string rung_torch() {
  for (const auto& place : rung_torch_places()) {
    if (::access(place.c_str(), X_OK) == 0) return place.string();
  }
  fail_unsupported("rung-torch, the part of rung that is built with LibTorch, is not installed");
}

std::string rung_file(const PeerTask& task) {
  const Path file = task.folder / "network.rung";
  if (!path_exists(file)) save_model(task.model, file);
  return file.string();
}

struct Known {
  bool bf16 = false;   ///< has it
  bool torch = false;  ///< reads what rung-torch writes
};

const std::map<std::string, Known>& known_peers() {
  static const std::map<std::string, Known> peers = {
      {"onnxruntime", {}},
      {"openvino", {.bf16 = true}},
      {"torch", {.bf16 = true, .torch = true}},
      {"torch-compile", {.bf16 = true, .torch = true}},
      {"torch-trace", {.bf16 = true, .torch = true}},
      {"opencv", {}},
  };
  return peers;
}

}  // namespace

const std::vector<std::string>& peer_names() {
  static const std::vector<std::string> names = {"onnxruntime",   "openvino",    "torch",
                                                 "torch-compile", "torch-trace", "opencv"};
  return names;
}

std::vector<std::vector<std::string>> peer_commands(const std::string& name, PeerTask& task) {
  const Known& peer = known_peers().at(name);
  const std::string peers = script("peer.py");
  std::vector<Command> commands;
  for (const std::string& precision :
       peer.bf16 ? task.precisions : std::vector<std::string>{"fp32"}) {
    Command command = {python(),
                       peers,
                       name,
                       peer.torch ? rung_file(task) : onnx_file(task),
                       std::to_string(task.threads),
                       precision};
    if (peer.torch) command.push_back(rung_torch());
    for (auto& file : input_files(task)) command.push_back(std::move(file));
    commands.push_back(std::move(command));
  }
  return commands;
}

}  // namespace rung::cli
