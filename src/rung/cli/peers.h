#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "rung/graph/model.h"

namespace rung::cli {

/// What `rung bench --against` can name.
const std::vector<std::string>& peer_names();

/// What a peer is asked to run. Files are written when the first peer needs them.
struct PeerTask {
  const Model& model;          ///< with all weights
  std::vector<Tensor> inputs;  ///< in the graph's order
  int threads = 1;
  std::filesystem::path folder;                    ///< for files, and what peers write
  std::optional<std::filesystem::path> onnx = {};  ///< a file of the network that exists already
};

/// How to start a peer of this name: one command, or for torch two (eager execution, and a trace
/// that was frozen and optimised for inference). Throws an unsupported error where it cannot run:
/// the network has no form that it reads, or part of it is not installed.
std::vector<std::vector<std::string>> peer_commands(const std::string& name, PeerTask& task);

}  // namespace rung::cli
