#include <algorithm>
#include <string>

#include "rung/io/onnx/call_view.h"
#include "rung/io/onnx/lowering.h"

namespace rung::onnx_import {
namespace {

/// The sizes of the parts that a SplitToSequence makes of an axis.
ops::Sizes sizes_of_parts(const CallView& call, int64_t size) {
  if (!call.given(1)) return ops::Sizes(static_cast<size_t>(size), 1);
  ops::Sizes out = call.integers(1);
  if (!call.sizes(1).empty()) return out;
  const int64_t each = out.at(0);
  if (each < 1) fail_user("parts of {} elements", each);
  out.clear();
  for (int64_t left = size; left > 0; left -= each) out.push_back(std::min(left, each));
  return out;
}

using Parts = std::vector<std::shared_ptr<FileValue>>;

Parts& parts_of(const std::shared_ptr<FileValue>& value) {
  if (value == nullptr || !value->sequence) fail_user("input 0 is no sequence");
  return *value->sequence;
}

/// The place that input `i` names among so many; the end where it is not given.
size_t place_of(const CallView& call, size_t i, size_t most) {
  const auto count = static_cast<int64_t>(most);
  const int64_t at = call.given(i) ? call.integer(i) : count;
  if (at < -count || at > count) fail_user("part {} of a sequence of {}", at, count);
  return static_cast<size_t>(at < 0 ? at + count : at);
}

Parts split(CallView& call) {
  const auto axis = static_cast<int64_t>(resolve_axis(call.integer("axis", 0), call.rank(0)));
  const ops::Dim size = call.sizes(0)[static_cast<size_t>(axis)];
  if (size.varies()) call.fix({size});
  const auto parts = call.add_all(
      ops::Split{.axis = axis, .sizes = sizes_of_parts(call, size.value())}, {call.tensor(0)});
  const bool keeps = call.given(1) || call.integer("keepdims", 1) != 0;
  Parts out;
  for (const ops::Ref part : parts) {
    out.push_back(std::make_shared<FileValue>());
    out.back()->ref = keeps ? part : call.add(ops::Squeeze{.axes = {axis}}, {part});
  }
  return out;
}

onnx::NodeProto make_node(const std::string& op, const std::string& input,
                          const std::string& output, int64_t axis, int64_t opset) {
  onnx::NodeProto node;
  node.set_op_type(op);
  if (!input.empty()) node.add_input(input);
  node.add_output(output);
  const bool list = op == "Unsqueeze";
  if (list && opset >= 13) {  // since then an input
    node.add_input("axis");
    return node;
  }
  auto& attribute = *node.add_attribute();
  attribute.set_name(list ? "axes" : "axis");
  attribute.set_type(list ? onnx::AttributeProto::INTS : onnx::AttributeProto::INT);
  list ? attribute.add_ints(axis) : attribute.set_i(axis);
  return node;
}

}  // namespace

bool holds_sequence(const std::vector<std::shared_ptr<FileValue>>& values) {
  return std::any_of(values.begin(), values.end(), [](const auto& value) {
    return value != nullptr && value->sequence.has_value();
  });
}

bool is_sequence_operator(std::string_view op) {
  return (op.starts_with("Sequence") && op != "SequenceMap") || op == "SplitToSequence" ||
         op == "ConcatFromSequence";
}

/// Its tensors side by side, or along a new axis, by the operators that do this with single ones.
std::shared_ptr<FileValue> Lowering::concatenated(const onnx::NodeProto& node, const Inputs& parts,
                                                  Scope& scope) {
  const ops::OnnxAttributes attributes = file_.attributes(node);
  const CallView call(draft_, values_, node, attributes, {}, scope.opset);
  const int64_t axis = call.integer("axis", 0);
  const bool is_new = call.integer("new_axis", 0) != 0;
  if (parts.empty()) fail_user("a sequence of no tensors put together");
  Scope inner;
  inner.opset = scope.opset;
  FileValue number;
  number.known.assign(draft_.sizes(), Tensor::i64({1}, {axis}));
  inner.bind("axis", std::move(number));
  onnx::NodeProto all = make_node("Concat", "", "all", axis, scope.opset);
  for (size_t i = 0; i < parts.size(); ++i) {
    const std::string name = "part" + std::to_string(i);
    inner.bind(name, parts[i]);
    all.add_input(is_new ? name + "/wide" : name);
    if (is_new) lower_node(make_node("Unsqueeze", name, name + "/wide", axis, scope.opset), inner);
  }
  lower_node(all, inner);
  return inner.find("all");
}

/// Sequences of tensors exist while the file is read: each is a list of values. PyTorch 2.6 writes
/// chunk, split and as_strided with them.
bool Lowering::lower_sequence(const onnx::NodeProto& node, const Inputs& in, Scope& scope) {
  const std::string& op = node.op_type();
  if (!holds_sequence(in) && !is_sequence_operator(op)) return false;
  if (op == "Loop" || !node.domain().empty()) return false;  // these hand it on
  const ops::OnnxAttributes attributes = file_.attributes(node);
  CallView call(draft_, values_, node, attributes, in, scope.opset);
  if (node.output_size() != 1) fail_user("{} results", node.output_size());
  const bool first = op != "SequenceEmpty", second = op == "SequenceInsert" || op == "SequenceAt";
  if ((first && !call.given(0)) || (second && !call.given(1))) fail_user("an input is missing");
  auto value = std::make_shared<FileValue>();
  if (op == "SplitToSequence") {
    value->sequence = split(call);
  } else if (op == "SequenceEmpty") {
    value->sequence.emplace();
  } else if (op == "SequenceConstruct") {
    if (std::find(in.begin(), in.end(), nullptr) != in.end()) fail_user("an input is missing");
    value->sequence = in;
  } else if (op == "SequenceInsert") {
    value->sequence = parts_of(in[0]);
    const size_t place = place_of(call, 2, value->sequence->size());
    value->sequence->insert(value->sequence->begin() + static_cast<int64_t>(place), in[1]);
  } else if (op == "SequenceErase") {
    value->sequence = parts_of(in[0]);
    if (value->sequence->empty()) fail_user("a sequence without tensors");
    const size_t last = value->sequence->size() - 1,
                 place = call.given(1) ? place_of(call, 1, last + 1) : last;
    if (place > last) fail_user("part {} of a sequence of {}", place, last + 1);
    value->sequence->erase(value->sequence->begin() + static_cast<int64_t>(place));
  } else if (op == "SequenceAt") {
    const Parts& parts = parts_of(in[0]);
    const size_t place = place_of(call, 1, parts.size());
    if (place == parts.size()) fail_user("part {} of a sequence of {}", place, parts.size());
    value = parts[place];
  } else if (op == "SequenceLength") {
    const auto count = static_cast<int64_t>(parts_of(in[0]).size());
    value->known.assign(draft_.sizes(), Tensor::i64({}, {count}));
  } else if (op == "ConcatFromSequence") {
    value = concatenated(node, parts_of(in[0]), scope);
  } else if (op == "Identity") {
    value = in[0];
  } else {
    fail_unsupported("a sequence of tensors; {} takes none in rung", op);
  }
  scope.bind(node.output(0), std::move(value));
  ++report_.operators[op].native;
  return true;
}

}  // namespace rung::onnx_import
