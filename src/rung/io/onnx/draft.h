#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "rung/graph/model.h"
#include "rung/io/onnx/importer.h"
#include "rung/io/onnx/names.h"
#include "rung/ops/import.h"

namespace rung::onnx_import {

/// The graph that a file is turned into, followed at all sizes of the inputs that are tried. Nodes
/// belong to the file's node (call) during which they were made, and get their names at the end.
class Draft {
 public:
  using Ref = ops::Ref;
  using Dims = ops::Dims;

  explicit Draft(size_t sizes) : sizes_(sizes) {}

  /// How many sizes are tried, the examples' first.
  size_t sizes() const { return sizes_; }
  const TensorType& type(Ref ref, size_t size = 0) const {
    const auto [node, port] = refs_[static_cast<size_t>(ref)];
    return nodes_[node].types[size][port];
  }
  Dims dims_of(Ref ref) const;
  ops::Maker maker_of(Ref ref) const;

  /// From here on, nodes belong to this node of the file.
  void begin_call(NodeOrigin origin) {
    calls_.push_back(std::move(origin));
    call_ = calls_.size() - 1;
  }
  /// Adds an op; all its outputs. Throws SizeRefused where only another size does not fit it.
  std::vector<Ref> add(Op op, std::vector<Ref> inputs) {
    return add_to(call_, std::move(op), std::move(inputs));
  }
  /// Adds the op that made a tensor again, on other inputs, as part of its node of the file.
  Ref add_again(Ref made, std::vector<Ref> inputs);
  /// A weight: under its own name, or else `suffix` below the layer's.
  Ref weight(Tensor value, std::string name, std::string suffix, bool buffer);
  /// An input, whose types at the sizes are given.
  Ref leaf(Op op, std::vector<std::vector<TensorType>> types, std::string name);
  /// Numbers that never change; large ones are a buffer.
  Ref constant(const Tensor& value);
  /// Whole numbers that may follow sizes, as a tensor; `first` are looked at first for such sizes.
  Ref numbers(const Dims& numbers, bool scalar, DType dtype, const std::vector<Ref>& first,
              std::string_view what);

  /// A tensor with axes of these sizes: of `first`, of those whose sizes the network itself asked
  /// for (what has a size by chance may lie within a layer), or any.
  std::optional<ops::Like> find_like(const Dims& sizes, const std::vector<Ref>& first) const;
  /// The network asked for the sizes of this one.
  void asked_for_sizes(Ref ref) { asked_.insert(ref); }
  /// Throws SizeVaries where one of the sizes does, else that they cannot be followed.
  [[noreturn]] void fix(const Dims& sizes, std::string_view what) const;
  /// Throws SizeVaries for the sizes k at which `differs(k)`.
  template <typename F>
  void check_same(std::string_view what, const F& differs) const {
    SizeVaries varies{{}, std::string(what)};
    for (size_t k = 1; k < sizes_; ++k) {
      if (differs(k)) varies.places.push_back(k);
    }
    if (!varies.places.empty()) throw varies;
  }

  size_t size() const { return nodes_.size(); }
  const Op& op(size_t node) const { return nodes_[node].op; }

  /// The graph with names, of what the outputs need, and all inputs.
  Model build(const std::vector<std::pair<std::string, Ref>>& outputs) const;

 private:
  struct Node {
    Op op;
    std::vector<Ref> inputs;
    std::vector<std::vector<TensorType>> types;  ///< by size, then output
    std::string leaf;                            ///< the name of an input or a weight
    std::string suffix;                          ///< of a weight without a name: below the layer's
    size_t call = 0;
    Tensor weight;
  };

  std::vector<Ref> add_to(size_t call, Op op, std::vector<Ref> inputs);
  std::vector<Ref> register_node(Node node);
  Ref size_as_number(const ops::Dim& size, const std::vector<Ref>& first, std::string_view what);
  std::vector<bool> needed_for(const std::vector<std::pair<std::string, Ref>>& outputs) const;
  std::vector<std::string> call_names(const std::vector<bool>& needed) const;
  std::vector<std::string> node_names(const std::vector<bool>& needed) const;

  size_t sizes_;
  std::vector<Node> nodes_;
  std::vector<std::pair<size_t, size_t>> refs_;  ///< node and output
  /// Axes that vary, by their sizes.
  std::map<std::vector<int64_t>, std::vector<std::pair<Ref, int64_t>>> axes_by_size_;
  std::set<Ref> asked_;
  std::vector<NodeOrigin> calls_{{.name = {}, .op = {}}};
  size_t call_ = 0;
};

}  // namespace rung::onnx_import
