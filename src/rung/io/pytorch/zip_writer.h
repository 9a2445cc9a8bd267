#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rung/base/file.h"

namespace rung {

/// Writes a zip archive of stored entries whose contents begin at multiples of 64 bytes, as
/// torch.save lays them out. Sizes are always written in 64 bits; dates are those of no file, so
/// the same entries give the same bytes.
class ZipWriter {
 public:
  explicit ZipWriter(FileSink sink) : sink_(std::move(sink)) {}
  void add(const std::string& name, std::string_view content);
  /// The directory; nothing can be added afterwards.
  void finish();

 private:
  void put(std::string_view bytes);

  FileSink sink_;
  uint64_t at_ = 0;
  uint64_t count_ = 0;
  std::string directory_;
};

}  // namespace rung
