#include "rung/cli/open_model.h"

#include <algorithm>

#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/base/text.h"
#include "rung/blocks/zoo.h"
#include "rung/cli/onnx_files.h"
#include "rung/cli/torch_files.h"
#include "rung/io/file_kind.h"

namespace rung::cli {
namespace {

constexpr std::string_view kZoo = "zoo:";

bool is_zoo_network(const std::string& name) {
  const auto& networks = zoo_networks();
  return std::any_of(networks.begin(), networks.end(),
                     [&](const ZooNetwork& network) { return network.name == name; });
}

[[noreturn]] void fail_no_network(const std::filesystem::path& path, const std::string& what) {
  const std::string file = path.string();
  if (path.extension() == ".toml") {
    fail_user("{} is {}, not a network; a recipe is trained: rung train {}", file, what, file);
  }
  fail_user(
      "{} is {}, not a network\n"
      "  networks  zoo:NAME, and .rung, .onnx, .pt (TorchScript) and .pt2 files",
      file, what);
}

[[noreturn]] void fail_checkpoint(const std::filesystem::path& path, const std::string& what) {
  fail_user(
      "{} is {}: weights, not a network\n"
      "  fix     load them into one: rung run MODEL --weights {}\n"
      "  fix     in Python, torch.jit.script(model).save(…) and torch.onnx.export(…) keep the "
      "network",
      path.string(), what, path.string());
}

void check_numbers(const std::string& model, const OpenOptions& options) {
  if (options.numbers.empty()) return;
  fail_user("--number {}: {} is no ONNX file; only those have inputs that become constants",
            options.numbers.begin()->first, quoted(model));
}

PartialModel open_partly(const std::filesystem::path& path, const OpenOptions& options) {
  const FileContent content = file_content(path);
  if (content.kind != FileKind::kOnnx) check_numbers(path.string(), options);
  PartialModel partial;
  switch (content.kind) {
    case FileKind::kRung:
    case FileKind::kSafetensors:  // whose error says what to do with weights
      partial = load_model_partly(path);
      if (!partial.error) {
        partial.model.graph = resize_inputs(partial.model.graph, options.shapes);
      }
      return partial;
    case FileKind::kOnnx:
      partial.model = load_onnx_file(path, options.shapes, options.numbers, options.report);
      return partial;
    case FileKind::kTorchScript:
    case FileKind::kPt2:
      partial.model = load_torch_file(path, content.kind, options.shapes);
      return partial;
    case FileKind::kCheckpoint:
      fail_checkpoint(path, content.what);
    case FileKind::kOther:
      fail_no_network(path, content.what);
  }
  fail_bug("a kind of file that open_model does not know");
}

PartialModel open_any(const std::string& text, const OpenOptions& options) {
  if (text.empty()) fail_user("MODEL is empty; give zoo:NAME or a file");
  if (text.starts_with(kZoo)) {
    check_numbers(text, options);
    Model model = zoo(text.substr(kZoo.size()), options.settings);
    model.graph = resize_inputs(model.graph, options.shapes);
    return {.model = std::move(model), .error = std::nullopt};
  }
  if (!path_exists(text) && is_zoo_network(text)) {
    fail_user("there is no file {}; the built-in network is {}{}", quoted(text), kZoo, text);
  }
  if (!options.settings.empty()) {
    const auto& [key, value] = *options.settings.begin();
    fail_user("--set {}={}: {} is a file; only built-in networks (zoo:NAME) have settings", key,
              value, quoted(text));
  }
  return open_partly(text, options);
}

// Of a graph that breaks off, what is there is shown as it is.
PartialModel with_roles(PartialModel partial, const InputRoles& roles) {
  if (!partial.error) {
    partial.model.graph = with_input_roles(partial.model.graph, roles);
  }
  return partial;
}

}  // namespace

PartialModel open_model_partly(const std::string& text, const OpenOptions& options) {
  return with_roles(open_any(text, options), options.roles);
}

Model open_model(const std::string& text, const OpenOptions& options) {
  PartialModel partial = open_model_partly(text, options);
  if (partial.error) throw *partial.error;
  return std::move(partial.model);
}

bool holds_weights_alone(const std::string& text) {
  if (text.starts_with(kZoo)) return false;
  // FILE:KEY is one of several dicts in a checkpoint (io/state_dict.h).
  const std::string file = path_exists(text) ? text : text.substr(0, text.rfind(':'));
  if (!path_exists(file)) return false;
  const FileKind kind = file_content(file).kind;
  return kind == FileKind::kSafetensors || kind == FileKind::kCheckpoint;
}

Model open_file(const std::filesystem::path& path, const InputShapes& shapes) {
  PartialModel partial = open_partly(path, {.shapes = shapes});
  if (partial.error) throw *partial.error;
  return std::move(partial.model);
}

}  // namespace rung::cli
