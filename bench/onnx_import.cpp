// What does opening an ONNX file cost, in time and in memory, and does it grow linearly with the
// number of its nodes?
//
//   bench_onnx_import              a ResNet-50 (102 MB) and a fully connected network of one large
//                                  weight (411 MB); chains of 1k, 10k and 100k nodes
//   bench_onnx_import FILE.onnx    that file
//   bench_onnx_import --check      exits with 1 where opening the first takes more memory than 1.3
//                                  times its file, or a node of a 32k chain over 3 times the time
//                                  of a node of a 4k chain, both measured in this run
//
// Files are read by their nodes, not by the graph that rung keeps in their metadata. Memory is the
// highest resident size while the file is opened less the one before, then with every weight read.
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <string_view>

#include "rung/base/temp_folder.h"
#include "rung/blocks/zoo.h"
#include "rung/graph/builder.h"
#include "rung/io/onnx/export.h"
#include "rung/io/onnx/import.h"

namespace {

using namespace rung;
namespace fs = std::filesystem;

constexpr double kMemoryBound = 1.3;  ///< peak / file
constexpr double kLinearBound = 3;

/// Runs in a process of its own, so that what it holds does not count here.
bool apart(const std::function<void()>& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      work();
      ::_exit(0);
    } catch (const std::exception& error) {
      fmt::print(stderr, "{}\n", error.what());
      ::_exit(1);
    }
  }
  int status = 1;
  ::waitpid(child, &status, 0);
  return status == 0;
}

/// "VmHWM" (the peak since it was last reset) or "VmRSS" of this process, in bytes.
double memory(std::string_view what) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(what)) return 1024 * std::stod(line.substr(what.size() + 1));
  }
  return 0;
}

struct Measured {
  double file = 0;              ///< bytes
  double seconds = 0;           ///< to open it
  double opened = 0, read = 0;  ///< peak memory, bytes
  size_t nodes = 0;             ///< of the network
};

Measured open(const fs::path& path) {
  std::ofstream("/proc/self/clear_refs") << "5";  // resets the peak
  Measured out{.file = static_cast<double>(fs::file_size(path))};
  const double before = memory("VmRSS");
  const auto start = std::chrono::steady_clock::now();
  const Model model = load_onnx(path, {.ignore_metadata = true});
  out.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  out.opened = memory("VmHWM") - before;
  int64_t sum = 0;
  for (const auto& [name, tensor] : model.weights) {
    for (int64_t i = 0; i < tensor.bytes(); i += 512) sum += static_cast<int64_t>(tensor.data()[i]);
  }
  out.read = memory("VmHWM") - before + (sum == 42 ? 1 : 0);  // so that the sum is worked out
  out.nodes = model.graph.size();
  return out;
}

void save(Model model, const fs::path& path) {
  draw_missing(model, 1);
  save_onnx(model, path);
}

void save_chain(size_t nodes, const fs::path& path) {
  Builder b;
  Value x = b.input("x", Shape{1, 4, 8, 8});
  for (size_t i = 0; 2 * i < nodes; ++i) {
    const auto block = b.scope(fmt::format("block{}", i));
    x = b.relu("relu", b.conv("conv", x, {.out = 4, .padding = {1}}));
  }
  b.output("y", x);
  save(std::move(b).finish("chain"), path);
}

void save_wide(const fs::path& path) {  // as in VGG
  Builder b;
  b.output("y", b.linear("fc", b.input("x", Shape{1, 25088}), 4096));
  save(std::move(b).finish("wide"), path);
}

void print_header() {
  fmt::print("{:<12} {:>9} {:>9} {:>9} {:>12} {:>20} {:>20}\n", "file", "MB", "nodes", "seconds",
             "us per node", "peak / file, opened", "and weights read");
}
void print_row(const std::string& name, const Measured& m) {
  fmt::print("{:<12} {:>9.1f} {:>9} {:>9.3f} {:>12.2f} {:>20.3f} {:>20.3f}\n", name, m.file / 1e6,
             m.nodes, m.seconds, 1e6 * m.seconds / static_cast<double>(m.nodes), m.opened / m.file,
             m.read / m.file);
}

/// The fastest of some runs: what else the machine did is not part of the question.
double seconds_per_node(const fs::path& path, int runs) {
  double best = std::numeric_limits<double>::infinity();
  for (int run = 0; run < runs; ++run) {
    const Measured now = open(path);
    best = std::min(best, now.seconds / static_cast<double>(now.nodes));
  }
  return best;
}

int check(const TempFolder& folder) {
  const auto file = folder / "network.onnx";
  if (!apart([&] { save(zoo("resnet50"), file); })) return 1;
  const Measured m = open(file);
  fmt::print("memory: {:.3f} times the file when opened, {:.3f} with weights read (at most {})\n",
             m.opened / m.file, m.read / m.file, kMemoryBound);
  if (!apart([&] { save_chain(4000, folder / "small.onnx"); })) return 1;
  if (!apart([&] { save_chain(32000, folder / "large.onnx"); })) return 1;
  const double small = seconds_per_node(folder / "small.onnx", 5);
  const double large = seconds_per_node(folder / "large.onnx", 3);
  fmt::print("us per node: {:.2f} at 4k nodes, {:.2f} at 32k nodes, ratio {:.2f} (at most {})\n",
             1e6 * small, 1e6 * large, large / small, kLinearBound);
  return m.read <= kMemoryBound * m.file && large <= kLinearBound * small ? 0 : 1;
}

int report(const TempFolder& folder) {
  print_header();
  const auto row = [&](const std::string& name, const std::function<void(const fs::path&)>& make) {
    const auto file = folder / (name + ".onnx");
    if (!apart([&] { make(file); })) return;
    apart([&] {
      print_row(name, open(file));
      std::fflush(stdout);
    });
    fs::remove(file);
  };
  std::fflush(stdout);
  row("resnet50", [](const fs::path& file) { save(zoo("resnet50"), file); });
  row("wide", save_wide);
  for (const size_t nodes : {1000, 10000, 100000}) {
    row(fmt::format("{} nodes", nodes), [=](const fs::path& file) { save_chain(nodes, file); });
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const TempFolder folder;
  if (argc == 2 && std::string_view(argv[1]) == "--check") return check(folder);
  if (argc == 1) return report(folder);
  print_header();
  print_row(fs::path(argv[1]).stem().string(), open(argv[1]));
}
