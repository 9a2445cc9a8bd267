// What does joining cost, and does it grow linearly with the graph?
//
//   bench_join_cost           plans graphs of 1k, 10k and 100k nodes with a skip per ten nodes
//   bench_join_cost --check   exits with 1 where a node of a 32k graph takes over 3 times the time
//                             of a node of a 4k graph, both measured in this run
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <string_view>

#include "rung/base/rng.h"
#include "rung/graph/builder.h"
#include "rung/join/plan.h"

namespace {

using namespace rung;

constexpr size_t kNodesPerSkip = 10;

struct Case {
  Model model;
  std::vector<Skip> skips;
};

/// A chain of convolutions whose widths and sizes change, so that most skips need an adapter:
///   conv ─ relu ─ conv ─ relu ─ pool ─ conv ─ … ─ resize ─ …
Case make_case(size_t nodes, uint64_t seed) {
  Rng rng(seed);
  Builder b;
  Value x = b.input("input", Shape{1, 8, 32, 32});
  std::vector<std::string> taps;
  for (int64_t layer = 0; b.graph().size() < nodes; ++layer) {
    const auto stage = b.scope(fmt::format("stage{}", layer / 64));
    const auto block = b.scope(fmt::format("block{}", layer % 64));
    x = b.conv("conv", x, {.out = 8 * rng.integer(1, 3), .padding = {1}});
    taps.push_back(b.path("conv"));
    if (layer % 16 == 7) x = b.max_pool("pool", x, 2, 2);
    if (layer % 16 == 15) x = b.add("grow", ops::Resize{.size = {32, 32}}, {x});
    x = b.relu("relu", x);
    taps.push_back(b.path("relu"));
  }
  b.output("output", x);
  Case out{std::move(b).finish("net"), {}};
  const auto last = static_cast<int64_t>(taps.size()) - 1;
  for (size_t i = 0; i < nodes / kNodesPerSkip; ++i) {
    const int64_t from = rng.integer(0, last - 1);
    const int64_t to = rng.integer(from + 1, last);
    out.skips.push_back({.from = "net/" + taps[static_cast<size_t>(from)],
                         .to = "net/" + taps[static_cast<size_t>(to)],
                         .merge = rng.integer(0, 1) == 0 ? "add" : "concat"});
  }
  return out;
}

struct Measured {
  size_t nodes = 0;
  size_t skips = 0;
  size_t joined_nodes = 0;
  double seconds = 0;
  double per_node() const { return seconds / static_cast<double>(nodes); }
};

Measured measure(size_t nodes) {
  const Case given = make_case(nodes, 1);
  const auto start = std::chrono::steady_clock::now();
  Join join({given.model});
  for (const Skip& skip : given.skips) join.skip(skip);
  const JoinPlan plan = join.plan();
  const Model& joined = plan.apply();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  return {given.model.graph.size(), given.skips.size(), joined.graph.size(), took.count()};
}

/// The fastest of some runs: what else the machine did is not part of the question.
Measured fastest(size_t nodes, int runs) {
  Measured best{.seconds = std::numeric_limits<double>::infinity()};
  for (int run = 0; run < runs; ++run) {
    const Measured now = measure(nodes);
    if (now.seconds < best.seconds) best = now;
  }
  return best;
}

/// Of this process so far. The sizes only grow, so it is that of the last one.
double peak_mebibytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

void report() {
  fmt::print("{:>8} {:>8} {:>13} {:>10} {:>13} {:>12}\n", "nodes", "skips", "joined nodes",
             "seconds", "us per node", "peak MiB");
  for (const size_t nodes : {1000, 10000, 100000}) {
    const Measured m = fastest(nodes, 3);
    fmt::print("{:>8} {:>8} {:>13} {:>10.4f} {:>13.2f} {:>12.1f}\n", m.nodes, m.skips,
               m.joined_nodes, m.seconds, 1e6 * m.per_node(), peak_mebibytes());
  }
}

int check() {
  const double small = fastest(4000, 5).per_node();
  const double large = fastest(32000, 3).per_node();
  fmt::print("us per node: {:.2f} at 4k nodes, {:.2f} at 32k nodes, ratio {:.2f} (at most 3)\n",
             1e6 * small, 1e6 * large, large / small);
  return large <= 3 * small ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--check") return check();
  if (argc > 1) {
    fmt::print(stderr, "usage: bench_join_cost [--check]\n");
    return 2;
  }
  report();
}
