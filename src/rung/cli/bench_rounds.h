#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include "rung/tensor/tensor.h"

namespace rung::cli {

/// Something that runs a network that many times; the milliseconds of each.
using Runner = std::function<std::vector<double>(int runs)>;

/// Alternates the runners, in rounds, so that whatever else the machine does meets all of them,
/// with a pause between two, in which threads that still spin go to sleep. Each has `runs` counted
/// runs or more (fast networks many more). What is run after a pause is not counted, nor the first
/// round. `failed` is called where a runner throws; it is not run again.
std::vector<std::vector<double>> run_rounds(
    const std::vector<Runner>& runners, int runs,
    const std::function<void(size_t runner, const std::exception& error)>& failed);

/// Root of the mean square of the difference over that of b; over all tensors together. Infinite
/// where shapes or what is not finite differ.
double relative_difference(const std::vector<Tensor>& a, const std::vector<Tensor>& b);
double relative_difference(const Tensor& a, const Tensor& b);

/// A folder for a while.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace rung::cli
