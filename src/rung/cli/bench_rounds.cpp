#include "rung/cli/bench_rounds.h"

#include <stdlib.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <thread>

#include "rung/base/error.h"

namespace rung::cli {
namespace {

constexpr int kRounds = 7;
constexpr double kSliceMs = 40;  // at least, in a round
constexpr std::chrono::milliseconds kPause{25};

/// Runs of one round, from the time of one.
int slice_of(int runs, double ms) {
  const double many = kSliceMs / std::max(ms, 1e-3);
  return std::max((runs + kRounds - 1) / kRounds, static_cast<int>(std::min(many, 2000.0)));
}

/// Counted ones alone: the first after a pause finds caches and threads cold.
std::vector<double> slice(const Runner& run, int count) {
  const int warm = std::max(1, count / 10);
  std::vector<double> ms = run(warm + count);
  ms.erase(ms.begin(), ms.begin() + warm);
  return ms;
}

}  // namespace

std::vector<std::vector<double>> run_rounds(
    const std::vector<Runner>& runners, int runs,
    const std::function<void(size_t runner, const std::exception& error)>& failed) {
  std::vector<std::vector<double>> times(runners.size());
  std::vector<int> counts(runners.size(), 0);  // negative: failed
  for (int round = 0; round <= kRounds; ++round) {
    for (size_t k = 0; k < runners.size(); ++k) {
      const size_t i = (k + static_cast<size_t>(round)) % runners.size();  // nobody is always first
      if (counts[i] < 0) continue;
      std::this_thread::sleep_for(kPause);
      try {
        if (round == 0) {
          counts[i] = slice_of(runs, runners[i](3).back());
          continue;
        }
        const auto ms = slice(runners[i], counts[i]);
        times[i].insert(times[i].end(), ms.begin(), ms.end());
      } catch (const std::exception& error) {
        counts[i] = -1;
        times[i].clear();
        failed(i, error);
      }
    }
  }
  return times;
}

namespace {

struct Squares {
  double difference = 0, reference = 0;
  bool comparable = true;

  void add(const Tensor& a, const Tensor& b) {
    comparable = comparable && a.shape() == b.shape();
    for (int64_t i = 0; comparable && i < a.elements(); ++i) {
      const double x = a.at(i), y = b.at(i);
      if (std::isfinite(x) && std::isfinite(y)) {
        difference += (x - y) * (x - y);
        reference += y * y;
      } else {
        comparable = (std::isnan(x) && std::isnan(y)) || x == y;
      }
    }
  }
  double relative() const {
    if (!comparable) return std::numeric_limits<double>::infinity();
    if (difference == 0) return 0;
    return std::sqrt(difference / std::max(reference, std::numeric_limits<double>::min()));
  }
};

}  // namespace

double relative_difference(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  Squares squares;
  squares.comparable = a.size() == b.size();
  for (size_t i = 0; squares.comparable && i < a.size(); ++i) squares.add(a[i], b[i]);
  return squares.relative();
}

double relative_difference(const Tensor& a, const Tensor& b) {
  Squares squares;
  squares.add(a, b);
  return squares.relative();
}

TemporaryFolder::TemporaryFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "rung-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) fail_user("cannot make a folder such as {}", name);
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace rung::cli
