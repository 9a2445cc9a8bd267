#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace rung::testing {

/// A folder of its own, gone with the object.
class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

enum class PythonResult {
  kDone,
  kMissing,  ///< the script exits with 77: PyTorch is not installed
  kFailed,
};

/// Runs tests/python/SCRIPT with the folder as its only argument.
PythonResult run_python(const std::string& script, const ScratchFolder& folder);

}  // namespace rung::testing
