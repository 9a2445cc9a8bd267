#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

#include "rung/tensor/weights.h"

namespace rung::pt2 {

/// What torch.export.save wrote, in any of its layouts: flat files with pickled weights
/// (PyTorch 2.1 to 2.7), the archive of models/ and data/ with pickled weights (2.8), or with raw
/// ones (later).
struct Archive {
  nlohmann::json program;  ///< the exported program
  Weights tensors;         ///< weights and constants by their names
};

/// Throws a user error that says what is wrong with the file: no archive, cut short, damaged; no
/// program in it, or one that was compiled; text that is no JSON; raw weights that reach beyond
/// their bytes.
Archive read_archive(const std::filesystem::path& path);

}  // namespace rung::pt2
