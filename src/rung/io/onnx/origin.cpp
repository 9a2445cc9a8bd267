#include "rung/io/onnx/origin.h"

#include <google/protobuf/unknown_field_set.h>

namespace rung::onnx_import {
namespace {

/// The metadata of a node, which libonnx before 1.16 keeps as a field that it does not know.
template <typename Node>
std::vector<onnx::StringStringEntryProto> metadata_of(const Node& node) {
  if constexpr (requires { node.metadata_props(); }) {
    return {node.metadata_props().begin(), node.metadata_props().end()};
  } else {
    constexpr int kMetadataProps = 9;
    std::vector<onnx::StringStringEntryProto> out;
    const auto& fields = node.GetReflection()->GetUnknownFields(node);
    for (int i = 0; i < fields.field_count(); ++i) {
      const auto& field = fields.field(i);
      const bool text = field.type() == google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED;
      onnx::StringStringEntryProto entry;
      if (text && field.number() == kMetadataProps &&
          entry.ParseFromString(field.length_delimited())) {
        out.push_back(std::move(entry));
      }
    }
    return out;
  }
}

/// The layer whose weight a node reads, from its module on; empty: none below it.
std::string part_read(const onnx::NodeProto& node, const NodeOrigin& origin) {
  if (!origin.modules && origin.name.find('/') == std::string::npos) return "";
  const std::string module = module_of(origin);
  const std::string prefix = module.empty() ? "" : module + ".";
  for (const std::string& input : node.input()) {
    for (const std::string_view suffix : {".weight", ".bias"}) {
      if (!input.starts_with(prefix) || !input.ends_with(suffix)) continue;
      if (input.size() <= prefix.size() + suffix.size()) continue;
      return input.substr(prefix.size(), input.size() - prefix.size() - suffix.size());
    }
  }
  return "";
}

}  // namespace

NodeOrigin origin_of(const onnx::NodeProto& node) {
  NodeOrigin out{.name = node.name(), .op = node.op_type()};
  for (const auto& entry : metadata_of(node)) {
    if (entry.key() != "pkg.torch.onnx.name_scopes") continue;
    out.modules = modules_of_scopes(entry.value());
    const std::string weight = node.input_size() > 1 ? node.input(1) : "";
    const bool absorbed = entry.value().find("batch_norm") != std::string::npos &&
                          node.op_type() != "BatchNormalization";
    constexpr std::string_view kWeight = ".weight";
    if (!out.modules || out.modules->empty() || !absorbed || !weight.ends_with(kWeight)) continue;
    out.modules->back() = weight.substr(0, weight.size() - kWeight.size());
  }
  out.part = part_read(node, out);
  return out;
}

}  // namespace rung::onnx_import
