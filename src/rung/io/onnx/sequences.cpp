#include <algorithm>

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

}  // namespace

/// A tensor cut up, and a part of it that constants choose, as PyTorch 2.6 writes chunk and split.
bool Lowering::lower_sequence(const onnx::NodeProto& node, const Inputs& in, Scope& scope) {
  const std::string& op = node.op_type();
  if (op != "SplitToSequence" && op != "SequenceAt") {
    for (const auto& value : in) {
      if (value == nullptr || !value->sequence) continue;
      fail_unsupported("a sequence of tensors; rung takes single ones out of it, SequenceAt, alone");
    }
    return false;
  }
  const ops::OnnxAttributes attributes = file_.attributes(node);
  CallView call(draft_, values_, node, attributes, in, scope.opset);
  if (op == "SequenceAt") {
    if (!in.at(0)->sequence) fail_user("input 0 is no sequence");
    const auto count = static_cast<int64_t>(in[0]->sequence->size());
    const int64_t at = call.integer(1);
    if (at < -count || at >= count) fail_user("part {} of a sequence of {}", at, count);
    scope.bind(node.output(0), in[0]->sequence->at(static_cast<size_t>(at < 0 ? at + count : at)));
  } else {
    const auto axis = static_cast<int64_t>(resolve_axis(call.integer("axis", 0), call.rank(0)));
    const ops::Dim size = call.sizes(0)[static_cast<size_t>(axis)];
    if (size.varies()) call.fix({size});
    const auto parts = call.add_all(
        ops::Split{.axis = axis, .sizes = sizes_of_parts(call, size.value())}, {call.tensor(0)});
    const bool keeps = call.given(1) || call.integer("keepdims", 1) != 0;
    FileValue value;
    value.sequence.emplace();
    for (const ops::Ref part : parts) {
      auto own = std::make_shared<FileValue>();
      own->ref = keeps ? part : call.add(ops::Squeeze{.axes = {axis}}, {part});
      value.sequence->push_back(std::move(own));
    }
    scope.bind(node.output(0), std::move(value));
  }
  ++report_.operators[op].native;
  return true;
}

}  // namespace rung::onnx_import
