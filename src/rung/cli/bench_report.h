#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rung/exec/onednn/peak.h"
#include "rung/exec/onednn/program.h"

namespace rung::cli {

/// One that ran in a bench: a program of rung's, or a peer.
struct BenchRow {
  std::string name;             ///< "rung fp32", "ONNX Runtime 1.32.0 fp32"
  std::string error = {};       ///< why it did not run; the rest is empty then
  std::vector<double> ms = {};  ///< every counted run
  double load_ms = 0;           ///< from the file to something that runs
  int64_t memory_bytes = 0;     ///< rung: arena and packed weights; peers: growth of the process
  std::optional<double> difference = {};  ///< relative RMS of all outputs to the first row's
};

/// A program of rung's, from inside.
struct BenchProgram {
  Precision precision = Precision::kF32;
  CompileReport report;
  rung::Program::Times times;
  Peak peak;
};

struct BenchReport {
  std::string network;
  std::string machine;  ///< the CPU's name
  std::vector<std::string> inputs;
  int threads = 1;
  std::vector<BenchRow> rows;
  std::vector<BenchProgram> programs;
  /// The row that ratios are taken to: the first peer that ran.
  std::optional<size_t> yardstick = {};
};

std::string to_text(const BenchReport& report);
std::string to_json(const BenchReport& report);
std::string to_svg(const BenchReport& report);

}  // namespace rung::cli
