#pragma once

#include <filesystem>
#include <vector>

namespace rung::cli {

/// Where the running program lies.
std::filesystem::path own_folder();

/// Where rung-torch may be: beside this program, and in ../libexec/rung.
std::vector<std::filesystem::path> rung_torch_places();

}  // namespace rung::cli
