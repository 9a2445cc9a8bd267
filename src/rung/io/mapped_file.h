#pragma once

#include <filesystem>
#include <memory>

#include "rung/tensor/tensor.h"

namespace rung {

/// A file as memory, read page by page when somebody looks. Writing to the memory changes private
/// copies of the pages, never the file. Replacing the file by rename (as `write_file` does) is
/// safe while it is mapped; cutting it short in place is not.
/// Throws a user error where it cannot be opened or is not a regular file.
std::shared_ptr<Storage> map_file(const std::filesystem::path& path);

/// A stretch of another storage, which it keeps alive.
std::shared_ptr<Storage> slice_storage(std::shared_ptr<Storage> whole, size_t begin, size_t bytes);

}  // namespace rung
