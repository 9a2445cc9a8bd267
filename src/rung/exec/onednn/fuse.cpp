#include "rung/exec/onednn/fuse.h"

#include <algorithm>
#include <type_traits>

#include "rung/ops/conv/patch_onednn.h"
#include "rung/ops/pointwise.h"
#include "rung/ops/post_ops.h"

namespace rung::onednn {
namespace {

constexpr size_t kMostPosts = 4;

/// What the rule of a root takes behind it.
enum class Taker {
  kNothing,
  kMap,        ///< a convolution's post-ops, channels on axis 1
  kMatrix,     ///< a matrix product's, channels on the last axis
  kFunctions,  ///< functions of one operand alone
  kPointwise,  ///< anything that our own kernel knows
};

Taker taker(const Op& op) {
  return std::visit(
      []<typename T>(const T&) {
        if constexpr (std::is_same_v<T, ops::Conv>) return Taker::kMap;
        if constexpr (std::is_same_v<T, ops::ConvTranspose>) return Taker::kFunctions;
        if constexpr (std::is_same_v<T, ops::Linear> || std::is_same_v<T, ops::MatMul>) {
          return Taker::kMatrix;
        }
        if constexpr (std::is_same_v<T, ops::BatchNorm> || std::is_same_v<T, ops::PRelu>) {
          return Taker::kPointwise;
        }
        return Taker::kNothing;
      },
      op);
}

class Fuser {
 public:
  explicit Fuser(const Graph& graph) : graph_(graph), users_(graph), output_(graph.size(), false) {
    for (const Output& output : graph.outputs()) {
      output_[static_cast<size_t>(output.value.node.index)] = true;
    }
  }

  std::vector<Group> run() {
    std::vector<bool> taken(graph_.size(), false);
    std::vector<std::vector<Group>> at(graph_.size());  // by the last node
    for (size_t i = 0; i < graph_.size(); ++i) {
      const Node& node = graph_.nodes()[i];
      if (taken[i] || is_leaf(node.op)) continue;
      Group group{.nodes = {graph_.id(i)}, .inputs = node.inputs};
      extend(group, taken);
      at[static_cast<size_t>(group.nodes.back().index)].push_back(std::move(group));
    }
    std::vector<Group> ordered;
    for (auto& groups : at) {
      for (Group& group : groups) ordered.push_back(std::move(group));
    }
    return ordered;
  }

 private:
  void extend(Group& group, std::vector<bool>& taken) {
    const Node& root = graph_.node(group.nodes[0]);
    Taker kind = taker(root.op);
    if (kind == Taker::kNothing && fits_pointwise(root.op)) kind = Taker::kPointwise;
    if (const auto* op = std::get_if<ops::ConvTranspose>(&root.op)) {
      if (!ops::is_patchwise(*op, graph_.type(root.inputs[1]).shape)) return;
    }
    if (kind == Taker::kNothing || root.types[0].dtype != DType::kF32) return;
    while (group.posts.size() < kMostPosts) {
      const NodeId last = group.nodes.back();
      const auto& users = users_.of(last);
      if (users.size() != 1 || output_[static_cast<size_t>(last.index)]) return;
      const NodeId next = users[0];
      if (taken[static_cast<size_t>(next.index)] || !take(group, kind, next)) return;
      taken[static_cast<size_t>(next.index)] = true;
    }
  }

  bool take(Group& group, Taker kind, NodeId next) {
    const Node& node = graph_.node(next);
    const Node& last = graph_.node(group.nodes.back());
    if (node.types[0].dtype != DType::kF32 || node.types[0].shape != last.types[0].shape) {
      return false;
    }
    Post post{.op = &node.op};
    const Value running{group.nodes.back(), 0};
    if (node.inputs.size() == 2) {
      post.swapped = node.inputs[1] == running;
      const Value other = node.inputs[post.swapped ? 0 : 1];
      if (other == running || graph_.type(other).dtype != DType::kF32) return false;
      post.operand = group.inputs.size();
      if (!fits(kind, group, post, graph_.type(other).shape, node.types[0].shape)) return false;
      group.inputs.push_back(other);
    } else if (node.inputs.size() != 1 || node.inputs[0] != running ||
               !fits(kind, group, post, {}, {})) {
      return false;
    }
    group.nodes.push_back(next);
    group.posts.push_back(post);
    return true;
  }

  static bool fits(Taker kind, const Group& group, const Post& post, const Shape& operand,
                   const Shape& result) {
    const Op& op = *post.op;
    if (kind == Taker::kPointwise) {
      return fits_pointwise(op) && !std::holds_alternative<ops::PRelu>(op);
    }
    if (!fits_post_op(op, post.swapped, group.posts)) return false;
    if (!post.operand) return true;
    if (kind == Taker::kFunctions) return false;
    return fits_post_operand(operand, result, kind == Taker::kMap ? 1 : result.size() - 1);
  }

  const Graph& graph_;
  const Users users_;
  std::vector<bool> output_;
};

}  // namespace

std::vector<Group> fuse(const Graph& graph) { return Fuser(graph).run(); }

}  // namespace rung::onednn
