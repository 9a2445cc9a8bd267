#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace rung::onednn {

/// Which way was the fastest for a step, as measured on this CPU with this version of oneDNN and of
/// the ways themselves. A file that holds another CPU's answers keeps them; one that cannot be read
/// counts as empty, and one that cannot be written is left alone: a cache is no reason to fail.
class PlanCache {
 public:
  /// An empty path: nothing is remembered.
  explicit PlanCache(std::filesystem::path path);
  std::optional<std::string> find(const std::string& key) const;
  void remember(const std::string& key, const std::string& way);
  /// Writes what was remembered since, with what others wrote in the meantime.
  void save();

 private:
  std::filesystem::path path_;
  std::map<std::string, std::string, std::less<>> known_, fresh_;
};

/// "AMD EPYC, avx512_core_bf16, oneDNN 2.6.3, ways 4": what answers depend on.
std::string machine_key();

}  // namespace rung::onednn
