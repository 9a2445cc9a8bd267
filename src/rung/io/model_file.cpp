#include "rung/io/model_file.h"

#include "rung/base/text.h"
#include "rung/io/graph_json.h"
#include "rung/io/json.h"
#include "rung/io/safetensors.h"

namespace rung {
namespace {

constexpr const char* kGraphKey = "rung.graph";
constexpr const char* kVersionKey = "rung.version";
constexpr const char* kVersion = "1";

void check_known(const Model& model, const std::string& file) {
  for (const auto& [name, tensor] : model.weights) {
    const auto id = model.graph.find(name);
    if (!id || model.graph.op_as<ops::Param>(*id) == nullptr) {
      fail_user("{}: tensor {} is not a weight of the graph", file, quoted(name));
    }
  }
  check_weights(model);
}

const std::string& graph_text(const Safetensors& content, const std::string& file) {
  const auto graph = content.metadata.find(kGraphKey);
  if (graph == content.metadata.end()) {
    fail_user(
        "{} holds weights but no graph; a model file is made by rung (`rung join -o`), bare "
        "weights are loaded into one with --weights",
        file);
  }
  const auto version = content.metadata.find(kVersionKey);
  if (version == content.metadata.end() || version->second != kVersion) {
    fail_user("{} has version {} of the model file; this rung reads version {}", file,
              version == content.metadata.end() ? "(none)" : quoted(version->second), kVersion);
  }
  return graph->second;
}

}  // namespace

void save_model(const Model& model, const std::filesystem::path& path) {
  check_known(model, path.string());
  auto json = to_json(model.graph);
  json["model"] = model.name;
  std::string text;
  try {
    text = json.dump();
  } catch (const nlohmann::json::exception&) {
    fail_user("cannot write {}: a name in the graph is not UTF-8", path.string());
  }
  Safetensors content{.tensors = model.weights,
                      .metadata = {{kGraphKey, std::move(text)}, {kVersionKey, kVersion}}};
  for (const auto& [key, value] : model.about) {
    content.metadata.emplace(std::string(Model::kAbout) + key, value);
  }
  save_safetensors(path, content);
}

PartialModel load_model_partly(const std::filesystem::path& path) {
  const std::string file = path.string();
  Safetensors content = load_safetensors(path);
  const std::string what = fmt::format("the graph of {}", file);
  const auto json = parse_json(graph_text(content, file), what);
  PartialModel partial;
  partial.model.name = json_string(json, "model", what);
  partial.error = read_graph_json(json, "the graph", partial.model.graph);
  if (partial.error) {
    partial.error =
        Error(partial.error->kind(), fmt::format("{} is broken: {}", file, partial.error->what()));
    return partial;
  }
  for (const auto& [key, value] : content.metadata) {
    if (key.starts_with(Model::kAbout)) {
      partial.model.about.emplace(key.substr(Model::kAbout.size()), value);
    }
  }
  partial.model.weights = std::move(content.tensors);
  try {
    check_known(partial.model, file);
  } catch (const Error& error) {
    partial.error = error;
  }
  return partial;
}

Model load_model(const std::filesystem::path& path) {
  PartialModel partial = load_model_partly(path);
  if (partial.error) throw *partial.error;
  return std::move(partial.model);
}

}  // namespace rung
