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
  std::vector<std::string> precisions;             ///< "fp32", "bf16"
  std::filesystem::path folder;                    ///< for files, and what peers write
  std::optional<std::filesystem::path> onnx = {};  ///< a file of the network that exists already
};

/// How to start a peer of this name: a command for each precision that it has of those asked for,
/// or for fp32 where it has no other (tools/peers/peer.py). Throws an unsupported error where it
/// cannot run: the network has no form that it reads, or part of it is not installed.
std::vector<std::vector<std::string>> peer_commands(const std::string& name, PeerTask& task);

}  // namespace rung::cli
