#include <cmath>

#include "rung/io/onnx/call_view.h"
#include "rung/io/onnx/lowering.h"
#include "rung/ops/attention/attention_onnx.h"

namespace rung::onnx_import {

using ops::Ref;

// softmax(score_mod(q kᵀ · scale)) v, with graphs that change the scores and what the softmax
// gives; q [N, H, T, E], k and v [N, own heads, S, …]
void Lowering::flex_attention(const onnx::NodeProto& node, const Inputs& in, Scope& scope) {
  const ops::OnnxAttributes attributes = file_.attributes(node);
  CallView call(draft_, values_, node, attributes, in, scope.opset);
  const auto changed = [&](Ref x, const char* name) {
    const auto* body = graph_attribute(node, name);
    if (body == nullptr) return x;
    auto value = std::make_shared<FileValue>();
    value->ref = x;
    const Inputs results = run_body(*body, {value}, scope);
    if (results.size() != 1) fail_user("its graph {} gives {} results", name, results.size());
    return values_.ref(*results[0]);
  };
  for (size_t i = 0; i < 3; ++i) {
    if (call.rank(i) != 4) fail_user("input {} has {} axes; 4 are needed", i, call.rank(i));
  }
  const Ref q = call.tensor(0);
  const DType dtype = call.type(q).dtype;
  const int64_t heads = call.type(q).shape[1];
  const Ref k = ops::heads_repeated(call, call.tensor(1), heads);
  const Ref v = ops::heads_repeated(call, call.tensor(2), heads);
  const double width = static_cast<double>(call.type(q).shape[3]);
  const Ref turned = call.add(ops::Transpose{.order = {0, 1, 3, 2}}, {k});
  Ref scores = call.with_number(ops::BinaryFn::kMul, call.add(ops::MatMul{}, {q, turned}),
                                call.number("scale", 1 / std::sqrt(width)));
  const auto precision = ops::dtype_from_onnx(call.integer(
      "softmax_precision",
      ops::dtype_to_onnx(is_floating(dtype) && size_of(dtype) < 4 ? DType::kF32 : dtype)));
  if (!precision) fail_unsupported("a softmax_precision that rung lacks");
  scores = changed(call.cast(scores, *precision), "score_mod");
  scores = changed(call.add(ops::Softmax{.axis = 3}, {scores}), "prob_mod");
  auto result = std::make_shared<FileValue>();
  result->ref = call.add(ops::MatMul{}, {call.cast(scores, dtype), v});
  scope.bind(node.output(0), result);
}

}  // namespace rung::onnx_import
