#pragma once

#include <sys/types.h>

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "rung/tensor/tensor.h"

namespace rung::cli {

/// Another program that runs a network, as a process of its own, for `rung bench`. It is asked line
/// by line, and answers each line with one of JSON:
///   (at the start)   {"name": "PyTorch 2.13.0 compile bf16"}
///   load             {"ms": time to open the network, "name": the same, and how it runs it}
///   run N            {"ms": [N times]}
///   output PREFIX    {"outputs": count}; the last run's outputs are PREFIX_0.npy and so on
/// or with {"error": "why not"}. It waits quietly in between, and ends where its input ends.
class Peer {
 public:
  /// Starts it. Throws an unsupported error where it cannot be started.
  Peer(const std::vector<std::string>& command, const std::filesystem::path& folder);

  const std::string& name() const { return name_; }
  /// Each throws an unsupported error with the peer's own reason, or the end of what it wrote to
  /// its standard error where it died.
  double load();                      ///< milliseconds
  std::vector<double> run(int runs);  ///< milliseconds each
  std::vector<Tensor> outputs();
  /// By how much its memory has grown at most since it began to open the network.
  int64_t memory_bytes() const;

 private:
  /// The process and our end of its socket; both end with it.
  struct Process {
    pid_t pid = -1;
    int socket = -1;
    Process() = default;
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;
    ~Process();
  };
  nlohmann::json ask(const std::string& line);
  nlohmann::json answer();
  std::string last_words() const;

  std::filesystem::path folder_;
  std::filesystem::path errors_;
  std::string name_;
  std::string unread_;
  Process process_;
  int64_t memory_before_ = 0;
};

}  // namespace rung::cli
