#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace rung {

/// The whole file. Throws a user error that names the path and the system's reason.
std::string read_file(const std::filesystem::path& path);

/// Writes a file whole or not at all: into a temporary neighbour, flushed to disk, then renamed
/// over `path`. On any failure (disk full, no permission) the temporary is removed, `path` keeps
/// its old content, and a user error is thrown.
void write_file(const std::filesystem::path& path, std::string_view content);

/// The same for content that is too large to hold: `write` receives a sink to call repeatedly.
using FileSink = std::function<void(const void* data, size_t bytes)>;
void write_file(const std::filesystem::path& path, const std::function<void(FileSink)>& write);

}  // namespace rung
