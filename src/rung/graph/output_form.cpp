#include "rung/graph/output_form.h"

#include <algorithm>

#include "rung/base/text.h"

namespace rung {
namespace {

/// Whether the op gives its first input's numbers, moved or interpolated.
bool only_moves(const Op& op) {
  return std::visit(
      [](const auto& o) {
        using T = std::decay_t<decltype(o)>;
        return std::is_same_v<T, ops::Reshape> || std::is_same_v<T, ops::Flatten> ||
               std::is_same_v<T, ops::Transpose> || std::is_same_v<T, ops::Squeeze> ||
               std::is_same_v<T, ops::Unsqueeze> || std::is_same_v<T, ops::Resize> ||
               std::is_same_v<T, ops::ResizeLike> || std::is_same_v<T, ops::CropLike> ||
               std::is_same_v<T, ops::Cast> || std::is_same_v<T, ops::Dropout>;
      },
      op);
}

/// The node that made the numbers of the output.
const Node& maker(const Graph& graph, Value output) {
  const Node* node = &graph.node(output.node);
  while (only_moves(node->op)) node = &graph.node(node->inputs.at(0).node);
  return *node;
}

bool counts_along_classes(const ops::Softmax& softmax, const TensorType& type) {
  const auto rank = static_cast<int64_t>(type.rank());
  const int64_t axis = softmax.axis < 0 ? softmax.axis + rank : softmax.axis;
  const Role role = type.roles.at(static_cast<size_t>(axis));
  if (role != Role::kNone) return role == Role::kChannel || role == Role::kFeature;
  return axis == 1 || axis == rank - 1;
}

}  // namespace

OutputForm output_form(const Graph& graph, Value output) {
  const Node& node = maker(graph, output);
  if (const auto* softmax = std::get_if<ops::Softmax>(&node.op)) {
    if (!counts_along_classes(*softmax, node.types.at(0))) return OutputForm::kLogits;
    return softmax->log ? OutputForm::kLogSoftmax : OutputForm::kSoftmax;
  }
  if (const auto* unary = std::get_if<ops::Unary>(&node.op)) {
    using F = ops::UnaryFn;
    if (unary->fn == F::kSigmoid || unary->fn == F::kHardSigmoid) return OutputForm::kSigmoid;
    if (unary->fn == F::kRelu || unary->fn == F::kRelu6) return OutputForm::kAboveZero;
  }
  return OutputForm::kLogits;
}

std::string output_form_text(const Graph& graph, Value output) {
  const Node& node = maker(graph, output);
  return fmt::format("{} ({})", op_name(node.op), quoted(node.name));
}

}  // namespace rung
