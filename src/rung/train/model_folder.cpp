#include "rung/train/model_folder.h"

#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/base/text.h"
#include "rung/io/json.h"

namespace rung {
namespace {

namespace fs = std::filesystem;

fs::path find_weights(const fs::path& folder) {
  for (const char* name : {"model.safetensors", "pytorch_model.bin"}) {
    if (path_exists(folder / name)) return folder / name;
  }
  std::vector<fs::path> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string ending = entry.path().extension().string();
    if (ending == ".pth" || ending == ".safetensors") found.push_back(entry.path());
  }
  if (error) fail_user("cannot read the folder {}: {}", folder.string(), error.message());
  if (found.size() == 1) return found[0];
  fail_user(
      "the folder {} holds {} files of weights; model.safetensors, pytorch_model.bin or one "
      ".pth is read",
      folder.string(), found.size());
}

Normalization normalization_of(const nlohmann::json& config) {
  Normalization how;
  how.mean = config.value("mean", std::vector<double>());
  how.std = config.value("std", std::vector<double>());
  how.reversed = config.value("input_space", "RGB") == "BGR";
  const auto range = config.value("input_range", std::vector<double>{0, 1});
  how.scale = range.size() == 2 && range[1] > 1 ? range[1] : 1;
  return how;
}

}  // namespace

ModelFolder read_model_folder(const fs::path& folder) {
  ModelFolder out{.weights = find_weights(folder), .normalization = std::nullopt};
  const fs::path file = folder / "config.json";
  if (!path_exists(file)) return out;
  const auto root = parse_json(read_file(file), file.string());
  try {
    const auto config = root.contains("pretrained_cfg") ? root.at("pretrained_cfg") : root;
    if (config.contains("mean") || config.contains("std")) {
      out.normalization = normalization_of(config);
    }
  } catch (const nlohmann::json::exception&) {
    fail_user("{}: its mean, std, input_space or input_range is not what timm writes",
              file.string());
  }
  return out;
}

}  // namespace rung
