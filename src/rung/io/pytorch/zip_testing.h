#pragma once

#include <string>
#include <utility>
#include <vector>

#include "rung/io/pytorch/zip_writer.h"

namespace rung::testing {

/// The bytes of an archive with these entries.
inline std::string zip_of(const std::vector<std::pair<std::string, std::string>>& entries) {
  std::string out;
  ZipWriter zip(
      [&](const void* data, size_t bytes) { out.append(static_cast<const char*>(data), bytes); });
  for (const auto& [name, content] : entries) zip.add(name, content);
  zip.finish();
  return out;
}

}  // namespace rung::testing
