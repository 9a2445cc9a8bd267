#include "rung/io/onnx/draft.h"

#include <algorithm>

namespace rung::onnx_import {

using ops::Dim;
using ops::Dims;
using ops::Like;
using ops::Ref;

namespace {
constexpr int64_t kLargestConstant = 4096;  ///< elements; more is a buffer
}  // namespace

Dims Draft::dims_of(Ref ref) const {
  Dims out(type(ref).rank());
  for (size_t k = 0; k < sizes_; ++k) {
    for (size_t i = 0; i < out.size(); ++i) out[i].seen.push_back(type(ref, k).shape[i]);
  }
  return out;
}

ops::Maker Draft::maker_of(Ref ref) const {
  const Node& node = nodes_[refs_[static_cast<size_t>(ref)].first];
  return {node.op, node.inputs};
}

std::vector<Ref> Draft::register_node(Node node) {
  std::vector<Ref> out;
  for (size_t port = 0; port < node.types[0].size(); ++port) {
    const auto ref = static_cast<Ref>(refs_.size());
    refs_.emplace_back(nodes_.size(), port);
    out.push_back(ref);
    for (size_t axis = 0; axis < node.types[0][port].rank(); ++axis) {
      std::vector<int64_t> seen;
      for (const auto& types : node.types) seen.push_back(types[port].shape[axis]);
      if (std::all_of(seen.begin(), seen.end(), [&](int64_t n) { return n == seen[0]; })) continue;
      axes_by_size_[seen].emplace_back(ref, static_cast<int64_t>(axis));
    }
  }
  nodes_.push_back(std::move(node));
  return out;
}

Ref Draft::weight(Tensor value, std::string name, std::string suffix, bool buffer) {
  const Ref ref =
      add(ops::Param{.dtype = value.dtype(), .shape = value.shape(), .buffer = buffer}, {})[0];
  Node& node = nodes_.back();
  node.leaf = std::move(name);
  node.suffix = std::move(suffix);
  node.weight = std::move(value);
  return ref;
}

Ref Draft::add_again(Ref made, std::vector<Ref> inputs) {
  const Node& node = nodes_[refs_[static_cast<size_t>(made)].first];
  return add_to(node.call, node.op, std::move(inputs))[0];
}

std::vector<Ref> Draft::add_to(size_t call, Op op, std::vector<Ref> inputs) {
  Node node{.op = std::move(op),
            .inputs = std::move(inputs),
            .types = {},
            .leaf = {},
            .suffix = {},
            .call = call,
            .weight = {}};
  const auto* opaque = std::get_if<ops::Opaque>(&node.op);
  for (size_t k = 0; k < sizes_; ++k) {
    std::vector<TensorType> in;
    for (const Ref ref : node.inputs) in.push_back(type(ref, k));
    if (opaque != nullptr && opaque->like < 0) {  // its types are those of the first sizes
      for (const Ref ref : node.inputs) {
        if (type(ref, k).shape != type(ref).shape) throw SizeVaries{{k}, calls_[call].op};
      }
    }
    try {
      node.types.push_back(infer(node.op, in));
    } catch (const Error& error) {
      if (k > 0 && error.kind() == ErrorKind::kUser) throw SizeRefused{k, error};
      throw;
    }
  }
  return register_node(std::move(node));
}

Ref Draft::leaf(Op op, std::vector<std::vector<TensorType>> types, std::string name) {
  return register_node({.op = std::move(op),
                        .inputs = {},
                        .types = std::move(types),
                        .leaf = std::move(name),
                        .suffix = {},
                        .call = call_,
                        .weight = {}})[0];
}

Ref Draft::constant(const Tensor& value) {
  if (value.elements() <= kLargestConstant) return add(ops::Constant{value}, {})[0];
  return weight(value, "", "constant", true);
}

std::optional<Like> Draft::find_like(const Dims& sizes, const std::vector<Ref>& first) const {
  if (sizes.empty()) return std::nullopt;
  const auto matches = [&](Ref ref) -> std::optional<Like> {
    const Dims have = dims_of(ref);
    Like out{.tensor = ref, .axes = {}};
    size_t axis = 0;
    for (const Dim& size : sizes) {
      while (axis < have.size() && have[axis].seen != size.seen) ++axis;
      if (axis == have.size()) return std::nullopt;
      out.axes.push_back(static_cast<int64_t>(axis++));
    }
    return out;
  };
  for (const Ref ref : first) {
    if (auto found = matches(ref)) return found;
  }
  const auto varying =
      std::find_if(sizes.begin(), sizes.end(), [](const Dim& d) { return d.varies(); });
  if (varying == sizes.end()) return std::nullopt;
  const auto candidates = axes_by_size_.find(varying->seen);
  if (candidates == axes_by_size_.end()) return std::nullopt;
  for (const bool asked : {true, false}) {
    for (const auto& [ref, axis] : candidates->second) {
      if (asked_.contains(ref) != asked) continue;
      if (auto found = matches(ref)) return found;
    }
  }
  return std::nullopt;
}

void Draft::fix(const Dims& sizes, std::string_view what) const {
  check_same(what, [&](size_t k) {
    return std::any_of(sizes.begin(), sizes.end(),
                       [&](const Dim& size) { return size.seen[k] != size.seen[0]; });
  });
  fail_unsupported("{} with sizes that rung cannot follow", what);
}

/// A size that is known only when the graph runs: as many ones, added.
Ref Draft::size_as_number(const Dim& size, const std::vector<Ref>& first, std::string_view what) {
  const auto like = find_like({size}, first);
  if (!like) fix({size}, what);
  const Ref places = add(ops::ArangeLike{.axis = like->axes[0]}, {like->tensor})[0];
  const Ref ones = add(ops::FullLike{.value = 1}, {places})[0];
  return add(ops::Reduce{.kind = ops::ReduceKind::kSum}, {ones})[0];
}

Ref Draft::numbers(const Dims& numbers, bool scalar, DType dtype, const std::vector<Ref>& first,
                   std::string_view what) {
  const bool varies =
      std::any_of(numbers.begin(), numbers.end(), [](const Dim& n) { return n.varies(); });
  if (!varies) {
    Tensor out(dtype, scalar ? Shape{} : Shape{static_cast<int64_t>(numbers.size())});
    for (size_t i = 0; i < numbers.size(); ++i) {
      out.set(static_cast<int64_t>(i), static_cast<double>(numbers[i].value()));
    }
    return add(ops::Constant{out}, {})[0];
  }
  std::vector<Ref> parts;
  for (const Dim& n : numbers) {
    Ref part = n.varies() ? size_as_number(n, first, what)
                          : add(ops::Constant{Tensor::i64({}, {n.value()})}, {})[0];
    if (dtype != DType::kI64) part = add(ops::Cast{dtype}, {part})[0];
    parts.push_back(part);
  }
  return scalar ? parts.at(0) : add(ops::Stack{.axis = 0}, parts)[0];
}

}  // namespace rung::onnx_import
