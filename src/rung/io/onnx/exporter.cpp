#include "rung/io/onnx/exporter.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/io/onnx/digest.h"
#include "rung/io/onnx/to_proto.h"
#include "rung/ops/onnx_export.h"

namespace rung::onnx_export {
namespace {

using ops::Dims;
using ops::OnnxAttributes;
using ops::OnnxValue;
using ops::OnnxValues;

constexpr int64_t kShared = 64;  ///< bytes; a constant up to this size is written once

class Exporter {
 public:
  Exporter(const Sized& sized, int64_t opset)
      : sized_(sized), graph_(sized.model->graph), opset_(opset) {}

  Exported run();

 private:
  friend class NodeWriter;

  std::string unique(const std::string& wanted) {
    std::string name = wanted;
    for (int n = 1; !taken_.insert(name).second; ++n) name = fmt::format("{}_{}", wanted, n);
    return name;
  }
  Dims dims(Value value) const {
    Dims out;
    const Shape& shape = graph_.type(value).shape;
    for (size_t axis = 0; axis < shape.size(); ++axis) {
      out.push_back({{shape[axis]}});
      for (const Graph& other : sized_.others) {
        out.back().seen.push_back(other.type(value).shape[axis]);
      }
    }
    return out;
  }
  const Tensor* numbers(NodeId id) const {
    if (const auto* constant = graph_.op_as<ops::Constant>(id)) return &constant->value;
    if (graph_.op_as<ops::Param>(id) == nullptr) return nullptr;
    const auto found = sized_.model->weights.find(graph_.node(id).name);
    return found == sized_.model->weights.end() ? nullptr : &found->second;
  }
  OnnxValue constant(const Tensor& value);
  void initializer(const std::string& name, const Tensor& value) {
    fill(*out_.graph.add_initializer(), name, value);
  }

  std::string dim_name(const std::string& prefix, Value value, size_t axis) const;
  void fill_type(onnx::ValueInfoProto& info, const std::string& name, Value value) const;
  void name_values();
  std::vector<bool> needed() const;
  void write_node(NodeId id);
  void write_outputs();
  void write_weights();

  const Sized& sized_;
  const Graph& graph_;
  const int64_t opset_;
  Exported out_;
  std::set<std::string> taken_;
  std::map<Value, std::string> names_;
  std::map<std::pair<Shape, std::string>, std::string>
      constants_;            ///< small ones, by type and bytes
  std::set<NodeId> read_;    ///< weights, by nodes
  std::set<NodeId> packed_;  ///< weights, by initializers
  nlohmann::json pieces_;
  std::vector<std::string> unsupported_;
};

/// One node of the graph, as its `to_onnx` sees it.
class NodeWriter final : public ops::OnnxWriter {
 public:
  NodeWriter(Exporter& exporter, NodeId id)
      : exporter_(exporter), id_(id), node_(exporter.graph_.node(id)) {}

  int64_t opset() const override { return exporter_.opset_; }
  size_t size() const override { return node_.inputs.size(); }
  OnnxValue in(size_t i) const override {
    const Value value = node_.inputs.at(i);
    exporter_.read_.insert(value.node);
    return exporter_.names_.at(value);
  }
  const TensorType& type(size_t i) const override {
    return exporter_.graph_.type(node_.inputs.at(i));
  }
  const TensorType& result(size_t port) const override { return node_.types.at(port); }
  Dims sizes(size_t i) const override { return exporter_.dims(node_.inputs.at(i)); }
  Dims result_sizes(size_t port) const override {
    return exporter_.dims({id_, static_cast<int32_t>(port)});
  }
  bool used(size_t port) const override {
    return exporter_.names_.contains({id_, static_cast<int32_t>(port)});
  }
  const Tensor* numbers(size_t i) const override {
    return exporter_.numbers(node_.inputs.at(i).node);
  }
  [[noreturn]] void fix(const Dims& sizes) const override {
    SizeVaries varies{{}, fmt::format("{} ({})", node_.name, op_name(node_.op))};
    for (size_t k = 0; k < exporter_.sized_.others.size(); ++k) {
      const bool differs = std::any_of(sizes.begin(), sizes.end(), [&](const ops::Dim& size) {
        return size.seen[k + 1] != size.seen[0];
      });
      if (differs) varies.places.push_back(k);
    }
    if (varies.places.empty()) fail_bug("{}: no size of it varies", varies.why);
    throw varies;
  }

  OnnxValues add_all(std::string_view op, OnnxValues inputs, OnnxAttributes attributes,
                     size_t outputs) override {
    onnx::NodeProto node;
    node.set_op_type(std::string(op));
    for (const auto& name : inputs) node.add_input(name);
    OnnxValues out;
    for (size_t i = 0; i < outputs; ++i) {
      out.push_back(exporter_.unique(fmt::format("{}/{}", node_.name, op)));
      node.add_output(out.back());
    }
    node.set_name(out[0]);
    for (const auto& [name, value] : attributes) {
      fill(*node.add_attribute(), name, value);
    }
    nodes_.push_back(std::move(node));
    return out;
  }
  OnnxValue constant(const Tensor& value) override { return exporter_.constant(value); }
  OnnxValue packed(const std::string& suffix, Shape shape,
                   const std::vector<Piece>& pieces) override {
    Tensor whole(type(pieces.at(0).input).dtype, std::move(shape));
    const int64_t bytes = size_of(whole.dtype());
    const std::string name = exporter_.unique(node_.name + "." + suffix);
    for (const Piece& piece : pieces) {
      const NodeId weight = node_.inputs.at(piece.input).node;
      std::copy_n(numbers(piece.input)->data() + piece.from * bytes, piece.count * bytes,
                  whole.data() + piece.to * bytes);
      if (exporter_.graph_.op_as<ops::Param>(weight) == nullptr) continue;
      exporter_.packed_.insert(weight);
      exporter_.pieces_[name].push_back(
          {exporter_.graph_.node(weight).name, piece.from, piece.to, piece.count});
    }
    exporter_.initializer(name, whole);
    return name;
  }

  /// Hands the nodes over. The one that makes a result has the graph's name for it.
  void finish(const OnnxValues& results) {
    for (size_t port = 0; port < results.size(); ++port) {
      const Value value{id_, static_cast<int32_t>(port)};
      const auto wanted = exporter_.names_.find(value);
      if (wanted == exporter_.names_.end()) continue;
      if (!rename(results[port], wanted->second, port == 0)) wanted->second = results[port];
    }
    for (auto& node : nodes_) *exporter_.out_.graph.add_node() = std::move(node);
  }

 private:
  bool rename(const std::string& from, const std::string& to, bool whole) {
    bool made = false;
    for (auto& node : nodes_) {
      for (auto& output : *node.mutable_output()) {
        if (output != from) continue;
        output = to;
        made = true;
        if (whole) node.set_name(node_.name);
      }
      for (auto& input : *node.mutable_input()) {
        if (input == from) input = to;
      }
    }
    return made;
  }

  Exporter& exporter_;
  NodeId id_;
  const Node& node_;
  std::vector<onnx::NodeProto> nodes_;
};

OnnxValue Exporter::constant(const Tensor& value) {
  const auto write = [&] {
    const std::string name = unique(onnx_metadata::kConstant + std::to_string(constants_.size()));
    initializer(name, value);
    return name;
  };
  if (value.bytes() > kShared) return write();
  std::string bytes(1, static_cast<char>(value.dtype()));
  bytes.append(reinterpret_cast<const char*>(value.data()), static_cast<size_t>(value.bytes()));
  const auto [entry, fresh] = constants_.try_emplace({value.shape(), bytes});
  if (fresh) entry->second = write();
  return entry->second;
}

/// The free size that an axis follows, or a name of its own; empty: it is a number.
std::string Exporter::dim_name(const std::string& prefix, Value value, size_t axis) const {
  const ops::Dim size = dims(value)[axis];
  if (!size.varies()) return {};
  for (const Symbol& symbol : sized_.symbols) {
    const auto& [input, at] = symbol.axes.front();
    if (dims({input, 0})[at].seen == size.seen) return symbol.name;
  }
  return fmt::format("{}_{}", prefix, axis_name(graph_.type(value), axis));
}

void Exporter::fill_type(onnx::ValueInfoProto& info, const std::string& name, Value value) const {
  info.set_name(name);
  auto& type = *info.mutable_type()->mutable_tensor_type();
  const TensorType& own = graph_.type(value);
  type.set_elem_type(static_cast<int32_t>(ops::dtype_to_onnx(own.dtype)));
  auto& shape = *type.mutable_shape();
  for (size_t axis = 0; axis < own.rank(); ++axis) {
    auto& dim = *shape.add_dim();
    const std::string free = dim_name(name, value, axis);
    if (free.empty()) {
      dim.set_dim_value(own.shape[axis]);
    } else {
      dim.set_dim_param(free);
    }
  }
}

/// Which nodes the outputs need.
std::vector<bool> Exporter::needed() const {
  std::vector<bool> out(graph_.size(), false);
  for (const Output& output : graph_.outputs()) {
    out[static_cast<size_t>(output.value.node.index)] = true;
  }
  for (size_t i = graph_.size(); i-- > 0;) {
    if (!out[i]) continue;
    for (const Value value : graph_.nodes()[i].inputs) {
      out[static_cast<size_t>(value.node.index)] = true;
    }
  }
  return out;
}

/// Names for the values that are read: an output's own, else the node's.
void Exporter::name_values() {
  for (const Output& output : graph_.outputs()) taken_.insert(output.name);
  for (const NodeId id : graph_.inputs()) {
    const std::string& own = graph_.node(id).name;
    const bool is_result =
        std::any_of(graph_.outputs().begin(), graph_.outputs().end(), [&](const Output& output) {
          return output.name == own && output.value == Value{id, 0};
        });
    names_[{id, 0}] = is_result ? own : unique(taken_.contains(own) ? own + "_in" : own);
  }
  // A weight's name in the file is its own, whatever else has to make way.
  for (const NodeId id : graph_.params()) {
    const std::string& name = graph_.node(id).name;
    if (!taken_.insert(name).second) {
      fail_user("the output {} has the name of a weight; rename one of them", quoted(name));
    }
    names_[{id, 0}] = name;
  }
  for (const Output& output : graph_.outputs()) {
    if (!is_leaf(graph_.node(output.value.node).op)) names_.try_emplace(output.value, output.name);
  }
  const auto need = needed();
  for (size_t i = 0; i < graph_.size(); ++i) {
    if (!need[i]) continue;
    for (const Value value : graph_.nodes()[i].inputs) {
      const Node& from = graph_.node(value.node);
      if (names_.contains(value) || is_leaf(from.op)) continue;
      names_[value] =
          unique(value.port == 0 ? from.name : fmt::format("{}:{}", from.name, value.port));
    }
  }
}

void Exporter::write_node(NodeId id) {
  const Node& node = graph_.node(id);
  if (const auto* own = std::get_if<ops::Constant>(&node.op)) {
    names_[{id, 0}] = constant(own->value);
    return;
  }
  if (is_leaf(node.op)) return;
  NodeWriter writer(*this, id);
  try {
    check_float8(node.op, writer);
    const OnnxValues results = std::visit(
        [&](const auto& op) -> OnnxValues {
          using T = std::decay_t<decltype(op)>;
          if constexpr (std::is_same_v<T, ops::Input> || std::is_same_v<T, ops::Param> ||
                        std::is_same_v<T, ops::Constant>) {
            return {};  // above
          } else {
            return to_onnx(op, writer);
          }
        },
        node.op);
    writer.finish(results);
  } catch (const Error& error) {
    const std::string where = fmt::format("node {} ({})", quoted(node.name), op_name(node.op));
    if (error.kind() != ErrorKind::kUnsupported) {
      throw Error(error.kind(), fmt::format("{}: {}", where, error.what()));
    }
    unsupported_.push_back(fmt::format("{}: {}", where, error.what()));
  }
}

void Exporter::write_outputs() {
  for (const Output& output : graph_.outputs()) {
    const std::string& name = names_.at(output.value);
    if (name != output.name) {  // an input, a weight, or a value with another name already
      read_.insert(output.value.node);
      auto& node = *out_.graph.add_node();
      node.set_op_type("Identity");
      node.set_name(output.name + "/Identity");
      node.add_input(name);
      node.add_output(output.name);
    }
    fill_type(*out_.graph.add_output(), output.name, output.value);
  }
}

/// All weights, so that a later import restores the whole graph; those that are packed only once.
void Exporter::write_weights() {
  for (const NodeId id : graph_.params()) {
    if (packed_.contains(id) && !read_.contains(id)) continue;
    initializer(graph_.node(id).name, *numbers(id));
  }
}

Exported Exporter::run() {
  for (const NodeId id : graph_.params()) {
    if (numbers(id) != nullptr) continue;
    fail_user("the weight {} has no numbers yet; draw_missing gives it some",
              quoted(graph_.node(id).name));
  }
  out_.graph.set_name("rung");
  name_values();
  for (const NodeId id : graph_.inputs()) {
    fill_type(*out_.graph.add_input(), names_.at({id, 0}), {id, 0});
  }
  const auto need = needed();
  for (size_t i = 0; i < graph_.size(); ++i) {
    if (need[i]) write_node(graph_.id(i));
  }
  if (!unsupported_.empty()) {
    fail_unsupported("{} {} no counterpart in ONNX at opset {}:\n  {}", unsupported_.size(),
                     unsupported_.size() == 1 ? "node has" : "nodes have", opset_,
                     join(unsupported_, "\n  "));
  }
  write_outputs();
  write_weights();
  if (!pieces_.is_null()) out_.packed = pieces_.dump();
  for (const auto& [value, name] : names_) {
    if (!is_leaf(graph_.node(value.node).op)) out_.names.emplace_back(value, name);
  }
  return std::move(out_);
}

}  // namespace

std::string axis_name(const TensorType& type, size_t axis) {
  const auto spaces = type.axes_of(Role::kSpace);
  switch (type.roles[axis]) {
    case Role::kBatch:
      return "batch";
    case Role::kChannel:
      return "channels";
    case Role::kTime:
      return "time";
    case Role::kFeature:
      return "features";
    case Role::kSpace: {
      static constexpr std::string_view kNames[] = {"depth", "height", "width"};
      if (spaces.size() == 1) return "length";
      const auto place = std::find(spaces.begin(), spaces.end(), axis) - spaces.begin();
      const size_t first = spaces.size() < 3 ? 3 - spaces.size() : 0;
      return std::string(kNames[std::min<size_t>(first + static_cast<size_t>(place), 2)]);
    }
    case Role::kNone:
      break;
  }
  return fmt::format("axis{}", axis);
}

Exported write_graph(const Sized& sized, int64_t opset) { return Exporter(sized, opset).run(); }

}  // namespace rung::onnx_export
