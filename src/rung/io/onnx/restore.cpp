#include "rung/io/onnx/restore.h"

#include <algorithm>
#include <unordered_map>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/io/graph_json.h"
#include "rung/io/json.h"
#include "rung/io/onnx/digest.h"

namespace rung {
namespace {

const std::string* find_text(const onnx::ModelProto& model, std::string_view key) {
  for (const auto& entry : model.metadata_props()) {
    if (entry.key() == key) return &entry.value();
  }
  return nullptr;
}

/// A stretch of a weight within an initializer, in elements.
struct Stretch {
  std::string weight;
  int64_t from = 0, to = 0, count = 0;
};

Stretch read_stretch(const nlohmann::json& json, const std::string& what) {
  const bool fits = json.is_array() && json.size() == 4 && json[0].is_string() &&
                    std::all_of(json.begin() + 1, json.end(),
                                [](const auto& n) { return n.is_number_unsigned(); });
  if (!fits) fail_user("{} must hold lists [weight, from, to, count]", what);
  return {json[0].get<std::string>(), json[1].get<int64_t>(), json[2].get<int64_t>(),
          json[3].get<int64_t>()};
}

class Restore {
 public:
  explicit Restore(const OnnxFile& file) : file_(file) {
    for (const auto& tensor : file.proto->graph().initializer()) by_name_[tensor.name()] = &tensor;
  }

  Model run(const std::string& text, const std::string* packed) {
    const std::string what = "rung's own graph in the metadata";
    const auto json = parse_json(text, what);
    Model model;
    model.name = json_string(json, "model", what);
    if (const auto error = read_graph_json(json, what, model.graph)) throw *error;
    if (packed != nullptr) unpack(parse_json(*packed, "rung.packed in the metadata"), model.graph);
    for (const NodeId id : model.graph.params()) {
      const std::string& name = model.graph.node(id).name;
      const auto found = by_name_.find(name);
      if (found != by_name_.end()) model.weights[name] = file_.tensor(*found->second);
    }
    for (auto& [name, tensor] : unpacked_) model.weights.emplace(name, std::move(tensor));
    check_weights(model);
    return model;
  }

 private:
  void unpack(const nlohmann::json& json, const Graph& graph) {
    if (!json.is_object()) fail_user("rung.packed in the metadata must be an object");
    for (const auto& [name, list] : json.items()) {
      const std::string what = fmt::format("rung.packed, {}", quoted(name));
      const auto found = by_name_.find(name);
      if (found == by_name_.end() || !list.is_array()) {
        fail_user("{}: there is no such initializer, or no list", what);
      }
      const Tensor whole = file_.tensor(*found->second);
      for (const auto& entry : list) unpack_one(whole, read_stretch(entry, what), graph, what);
    }
  }

  void unpack_one(const Tensor& whole, const Stretch& part, const Graph& graph,
                  const std::string& what) {
    const auto id = graph.find(part.weight);
    const auto* param = id ? graph.op_as<ops::Param>(*id) : nullptr;
    if (param == nullptr || element_count(param->shape) > whole.elements()) {
      fail_user("{}: {} is no weight that it can hold", what, quoted(part.weight));
    }
    auto& weight = unpacked_[part.weight];
    if (!weight.defined()) weight = Tensor(whole.dtype(), param->shape);
    const auto outside = [&](int64_t begin, int64_t size) {
      return begin > size || part.count > size - begin;
    };
    if (outside(part.to, whole.elements()) || outside(part.from, weight.elements()) ||
        weight.dtype() != whole.dtype()) {
      fail_user("{}: a stretch of {} lies outside", what, quoted(part.weight));
    }
    const int64_t bytes = size_of(whole.dtype());
    std::copy_n(whole.data() + part.to * bytes, part.count * bytes,
                weight.data() + part.from * bytes);
  }

  const OnnxFile& file_;
  std::unordered_map<std::string, const onnx::TensorProto*> by_name_;
  Weights unpacked_;
};

}  // namespace

std::optional<Model> restore_onnx(const OnnxFile& file) {
  const std::string* graph = find_text(*file.proto, onnx_metadata::kGraph);
  const std::string* digest = find_text(*file.proto, onnx_metadata::kDigest);
  if (graph == nullptr || digest == nullptr) return std::nullopt;
  if (*digest != onnx_digest(file.proto->graph(), &file)) return std::nullopt;
  return Restore(file).run(*graph, find_text(*file.proto, onnx_metadata::kPacked));
}

}  // namespace rung
