#include "rung/io/state_dict.h"

#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/base/text.h"
#include "rung/io/file_kind.h"
#include "rung/io/rename_table.h"
#include "rung/io/safetensors.h"

namespace rung {
namespace {

constexpr std::string_view kTensors = ".safetensors";
constexpr std::string_view kPickled[] = {".pth", ".pt", ".th", ".bin"};

// FILE:KEY, where there is no file of that whole name.
std::pair<std::filesystem::path, std::string> split_key(const std::filesystem::path& path) {
  const std::string text = path.string();
  const auto colon = text.rfind(':');
  if (path_exists(path) || colon == std::string::npos || !path_exists(text.substr(0, colon))) {
    return {path, ""};
  }
  return {text.substr(0, colon), text.substr(colon + 1)};
}

}  // namespace

StateDict load_state_dict(const std::filesystem::path& path) {
  const auto [file, key] = split_key(path);
  const FileContent content = file_content(file);
  switch (content.kind) {
    case FileKind::kCheckpoint:
    case FileKind::kTorchScript:
    case FileKind::kPt2:
      return load_pth(file, key);
    case FileKind::kRung:
    case FileKind::kSafetensors:
      if (!key.empty()) fail_user("{} holds its tensors alone; leave out :{}", file.string(), key);
      return {load_safetensors(file).tensors, ""};
    case FileKind::kOnnx:
      fail_user(
          "{} looks like an ONNX file, a whole network; give it as the network (MODEL), not as "
          "weights",
          file.string());
    case FileKind::kOther:
      break;
  }
  fail_user(
      "{} is {}, and no file of weights that rung knows: .safetensors, .rung, or what torch.save "
      "writes (.pth, .pt, .th, .bin)",
      file.string(), content.what);
}

void save_state_dict(const std::filesystem::path& path, const Weights& tensors) {
  const auto extension = path.extension();
  if (extension == kTensors) {
    // The metadata that safetensors' own reader for PyTorch expects.
    save_safetensors(path, {.tensors = tensors, .metadata = {{"format", "pt"}}});
    return;
  }
  for (const auto pickled : kPickled) {
    if (extension == pickled) {
      save_pth(path, tensors);
      return;
    }
  }
  fail_user("cannot write {}: weights are written as .safetensors or .pth (also .pt, .th, .bin)",
            path.string());
}

Weights state_dict(const Model& model) {
  constexpr std::string_view kMean = "running_mean";
  Weights out;
  for (const NodeId id : model.graph.params()) {
    const std::string& name = model.graph.node(id).name;
    const auto found = model.weights.find(name);
    if (found == model.weights.end()) {
      fail_user("weight {} has no values yet; draw or load them first", quoted(name));
    }
    out[name] = found->second;
    const std::string_view layer = std::string_view(name).substr(0, name.rfind('.') + 1);
    if (name.substr(layer.size()) == kMean) {
      out.emplace(std::string(layer) + "num_batches_tracked", Tensor(DType::kI64, {}));
    }
  }
  return out;
}

WeightReport load_weights_file(Model& model, const std::filesystem::path& file,
                               const std::filesystem::path& rename_table,
                               LoadWeightsOptions options) {
  const StateDict state = load_state_dict(file);
  if (!state.note.empty()) options.notes.push_back(state.note);
  RenameTable table;
  if (!rename_table.empty()) {
    table = load_rename_table(rename_table);
    options.rename = [&](const std::string& name) { return table.apply(name); };
    for (const auto& rule : table.unused(state.tensors)) {
      options.notes.push_back("unused rule " + rule);
    }
  }
  return load_weights(model, state.tensors, options);
}

}  // namespace rung
