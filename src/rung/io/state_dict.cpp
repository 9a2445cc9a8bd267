#include "rung/io/state_dict.h"

#include <cstring>

#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/base/text.h"
#include "rung/io/mapped_file.h"
#include "rung/io/rename_table.h"
#include "rung/io/safetensors.h"

namespace rung {
namespace {

constexpr std::string_view kTensors = ".safetensors";
constexpr std::string_view kPickled[] = {".pth", ".pt", ".th", ".bin"};

enum class Form { kSafetensors, kPth, kOnnx, kUnknown };

// By the first bytes; the names of files say little.
Form form_of(const std::filesystem::path& path) {
  const auto file = map_file(path);
  const std::string_view bytes(reinterpret_cast<const char*>(file->data()), file->bytes());
  const auto extension = path.extension();
  uint64_t length = 0;  // of the header in a safetensors file
  if (bytes.size() >= 9) std::memcpy(&length, bytes.data(), sizeof length);
  if (length > 0 && length < bytes.size() && bytes[8] == '{') return Form::kSafetensors;
  if (bytes.starts_with("PK\x03\x04")) return Form::kPth;
  if (bytes.size() > 1 && bytes[0] == '\x80' && bytes[1] >= 2 && bytes[1] <= 5) return Form::kPth;
  // Field 1 of the message, the version of the format: small, and the only one in front.
  if (extension == ".onnx" || (bytes.size() > 2 && bytes[0] == '\x08' && bytes[1] < 32)) {
    return Form::kOnnx;
  }
  // What is broken from its first byte on is best explained by its own reader.
  if (extension == kTensors || extension == ".rung") return Form::kSafetensors;
  return Form::kUnknown;
}

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
  const Form form = form_of(file);
  if (form == Form::kPth) return load_pth(file, key);
  if (form == Form::kSafetensors) {
    if (!key.empty()) fail_user("{} holds its tensors alone; leave out :{}", file.string(), key);
    return {load_safetensors(file).tensors, ""};
  }
  if (form == Form::kOnnx) {
    fail_user(
        "{} looks like an ONNX file, a whole network; give it as the network (MODEL), not as "
        "weights",
        file.string());
  }
  fail_user(
      "{} is no file of weights that rung knows: .safetensors, .rung, or what torch.save writes "
      "(.pth, .pt, .th, .bin)",
      file.string());
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
                               const std::filesystem::path& rename_table) {
  const StateDict state = load_state_dict(file);
  LoadWeightsOptions options;
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
