#pragma once

#include <stdlib.h>

#include <filesystem>
#include <string>

#include "rung/base/error.h"

namespace rung {

/// A folder for a test, removed with all that is in it.
class TempFolder {
 public:
  TempFolder() {
    std::string pattern = std::filesystem::temp_directory_path() / "rung-test-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) fail_bug("cannot make a folder {}", pattern);
    path_ = pattern;
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  bool empty() const { return std::filesystem::is_empty(path_); }

 private:
  std::filesystem::path path_;
};

}  // namespace rung
