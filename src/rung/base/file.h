#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace rung {

/// Whether something has this path; false also where nothing can be said (a loop of links, a name
/// that is too long).
bool path_exists(const std::filesystem::path& path);

/// The whole file. Throws a user error that names the path and the system's reason.
std::string read_file(const std::filesystem::path& path);

/// Writes a file whole or not at all: into a temporary neighbour, flushed to disk, then renamed
/// over `path` (over what it leads to, where it is a link). A path that is a device, a pipe or a
/// folder is refused. On any failure (disk full, no permission) the temporary is removed, `path`
/// keeps its old content, and a user error is thrown.
void write_file(const std::filesystem::path& path, std::string_view content);

/// The same for content that is too large to hold: `write` receives a sink to call repeatedly.
using FileSink = std::function<void(const void* data, size_t bytes)>;
void write_file(const std::filesystem::path& path, const std::function<void(FileSink)>& write);

/// Throws a user error where `write_file` would be refused: a folder that is missing or may not be
/// written to, a device. For work that takes long before it writes.
void check_writable(const std::filesystem::path& path);

/// Removes the file that `write_file` is in the middle of; for a signal handler, before the end.
void remove_unfinished_file() noexcept;

}  // namespace rung
