#include "rung/exec/onednn/fuse.h"

#include <algorithm>
#include <map>
#include <type_traits>

#include "rung/ops/conv/normed_product.h"
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
      group.own_inputs = node.inputs.size();
      extend(group, taken);
      at[static_cast<size_t>(group.nodes.back().index)].push_back(std::move(group));
    }
    std::vector<Group> ordered;
    for (auto& groups : at) {
      for (Group& group : groups) ordered.push_back(std::move(group));
    }
    take_norms(ordered);
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

  /// Norms that a convolution does while it reads: their groups become its prologue.
  void take_norms(std::vector<Group>& groups) {
    std::map<NodeId, size_t> by_last;
    std::vector<bool> gone(groups.size(), false);
    for (size_t i = 0; i < groups.size(); ++i) by_last[groups[i].nodes.back()] = i;
    for (Group& group : groups) {
      const auto front = by_last.find(group.inputs.empty() ? NodeId{-1} : group.inputs[0].node);
      if (front == by_last.end() || !takes(group, groups[front->second])) continue;
      const Group& norm = groups[front->second];
      group.prologue = {.norm = graph_.op_as<ops::BatchNorm>(norm.nodes[0]),
                        .first_input = group.inputs.size(),
                        .relu = !norm.posts.empty()};
      group.inputs[0] = norm.inputs[0];
      group.inputs.insert(group.inputs.end(), norm.inputs.begin() + 1, norm.inputs.end());
      group.in_front = norm.nodes;
      gone[front->second] = true;
    }
    std::vector<Group> kept;
    for (size_t i = 0; i < groups.size(); ++i) {
      if (!gone[i]) kept.push_back(std::move(groups[i]));
    }
    groups = std::move(kept);
  }

  static bool is_relu_or_nothing(const std::vector<Post>& posts) {
    return posts.empty() || (posts.size() == 1 && is_relu(*posts[0].op));
  }
  bool all_known(const std::vector<Value>& inputs) const {
    return std::all_of(inputs.begin() + 1, inputs.end(), [&](Value value) {
      return graph_.op_as<ops::Param>(value.node) != nullptr;
    });
  }
  bool takes(const Group& group, const Group& front) const {
    const auto* conv = graph_.op_as<ops::Conv>(group.nodes[0]);
    const auto* norm = graph_.op_as<ops::BatchNorm>(front.nodes[0]);
    if (conv == nullptr || norm == nullptr || !norm->track) return false;
    const NodeId last = front.nodes.back();
    return users_.of(last).size() == 1 && !output_[static_cast<size_t>(last.index)] &&
           is_relu_or_nothing(group.posts) && is_relu_or_nothing(front.posts) &&
           all_known(group.inputs) && all_known(front.inputs) &&
           graph_.type(group.inputs[0]).dtype == DType::kF32 &&
           takes_norm(*conv, graph_.type(group.inputs[0]).shape,
                      graph_.type(group.inputs[1]).shape);
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
