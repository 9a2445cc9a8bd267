#include "rung/graph/passes/drop_identities.h"

#include <algorithm>
#include <numeric>
#include <type_traits>

#include "rung/graph/passes/rebuild.h"
#include "rung/ops/check.h"

namespace rung {
namespace {

// Whether the op hands its first input on where the sizes stay the same.
bool keeps(const Op& op) {
  return std::visit(
      []<typename T>(const T& it) {
        constexpr bool kBySize =
            std::is_same_v<T, ops::Dropout> || std::is_same_v<T, ops::Detach> ||
            std::is_same_v<T, ops::Cast> || std::is_same_v<T, ops::Slice> ||
            std::is_same_v<T, ops::Split> || std::is_same_v<T, ops::Reshape> ||
            std::is_same_v<T, ops::Flatten> || std::is_same_v<T, ops::Squeeze> ||
            std::is_same_v<T, ops::Unsqueeze> || std::is_same_v<T, ops::Expand> ||
            std::is_same_v<T, ops::ResizeLike> || std::is_same_v<T, ops::CropLike> ||
            std::is_same_v<T, ops::PadLike>;
        if constexpr (kBySize) return true;
        if constexpr (std::is_same_v<T, ops::Clamp>) return !it.low && !it.high;
        if constexpr (std::is_same_v<T, ops::Pad>)
          return ops::all_are(it.begin, 0) && ops::all_are(it.end, 0);
        if constexpr (std::is_same_v<T, ops::Resize>) {
          // A factor that is not quite 1 reads elsewhere, whatever the sizes.
          return std::all_of(it.scale.begin(), it.scale.end(), [](double f) { return f == 1; });
        }
        return false;
      },
      op);
}

// Ops that change the sizes alone: the elements stay as they are, row-major.
bool is_view(const Op& op) {
  return std::holds_alternative<ops::Reshape>(op) || std::holds_alternative<ops::Flatten>(op) ||
         std::holds_alternative<ops::Squeeze>(op) || std::holds_alternative<ops::Unsqueeze>(op);
}

class Dropping {
 public:
  explicit Dropping(const Graph& graph) : graph_(graph), rebuild_(graph), views_(graph.size()) {}

  Graph run() {
    for (size_t i = 0; i < graph_.size(); ++i) {
      const Node& node = graph_.nodes()[i];
      if (node.inputs.empty()) continue;
      const Value value{graph_.id(i), 0};
      const Value from = rebuild_.resolve(node.inputs[0]);
      if (is_view(node.op)) views_[i] = view_of(from);
      if (const auto instead = stands_for(node, value, from)) rebuild_.replace(value, *instead);
    }
    return rebuild_.finish();
  }

 private:
  bool same(Value a, Value b) const {
    const TensorType& x = graph_.type(a);
    const TensorType& y = graph_.type(b);
    return x.dtype == y.dtype && x.shape == y.shape;
  }

  // The value that a chain of views begins with.
  Value view_of(Value value) const {
    return views_[static_cast<size_t>(value.node.index)].value_or(value);
  }

  std::optional<Value> stands_for(const Node& node, Value value, Value from) const {
    if (std::holds_alternative<ops::Concat>(node.op) && node.inputs.size() == 1) return from;
    if (const auto* transpose = std::get_if<ops::Transpose>(&node.op)) {
      return untransposed(transpose->order, from);
    }
    if (keeps(node.op) && same(value, from)) return from;
    if (is_view(node.op) && same(value, view_of(from))) return view_of(from);
    return std::nullopt;
  }

  // What the order, and that of a transpose in front of it, leave as it was.
  std::optional<Value> untransposed(const ops::Sizes& order, Value from) const {
    const auto rank = static_cast<int64_t>(order.size());
    const auto axis = [rank](int64_t i) { return static_cast<size_t>(i < 0 ? i + rank : i); };
    ops::Sizes identity(order.size());
    std::iota(identity.begin(), identity.end(), 0);
    ops::Sizes all(order.size());
    for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int64_t>(axis(order[i]));
    if (all == identity) return from;
    const Node& front = graph_.node(from.node);
    const auto* first = std::get_if<ops::Transpose>(&front.op);
    if (first == nullptr) return std::nullopt;
    for (int64_t& i : all) i = static_cast<int64_t>(axis(first->order[static_cast<size_t>(i)]));
    if (all == identity) return rebuild_.resolve(front.inputs[0]);
    return std::nullopt;
  }

  const Graph& graph_;
  Rebuild rebuild_;
  std::vector<std::optional<Value>> views_;  ///< by node, where it is a view
};

}  // namespace

Model drop_identities(const Model& model) { return with_graph(model, Dropping(model.graph).run()); }

}  // namespace rung
