#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rung/cli/result_picture.h"
#include "rung/cli/run_options.h"

namespace rung::cli {

/// What a run gave under a name.
struct Result {
  std::string name;
  Tensor value;
  bool channels_last = false;  ///< a map [N, H, W, C]
  PictureForm picture = {};
};

/// Throw a user error where results cannot be written to such a file, or not that many.
void check_result_file(const std::optional<std::string>& file);
void check_result_count(const std::optional<std::string>& file, size_t count);

/// Type, shape and statistics of each; `weights` says where the numbers came from.
void print_results(const Inputs& inputs, const std::vector<Result>& results,
                   const std::string& weights);
/// By the ending: .npy, .png or .safetensors. Throws a user error where a result is no picture.
void write_results(const std::vector<Result>& results, const std::string& path);

}  // namespace rung::cli
