#pragma once

#include <filesystem>
#include <optional>

#include "rung/graph/normalize.h"

namespace rung {

/// A folder of pretrained weights as timm and segmentation_models save them.
struct ModelFolder {
  std::filesystem::path weights;  ///< model.safetensors, pytorch_model.bin or the only .pth
  std::optional<Normalization> normalization;  ///< of its config.json
};

/// Reads `mean`, `std`, `input_space` (RGB or BGR) and `input_range` of config.json, at its top or
/// under `pretrained_cfg`. Throws a user error that names the folder: no weights, or several; a
/// config.json that cannot be read.
ModelFolder read_model_folder(const std::filesystem::path& folder);

}  // namespace rung
