#include "rung/ops/onednn.h"
#include "rung/ops/pointwise.h"

namespace rung::ops {

using onednn::lower_pointwise;

void lower(const Unary& op, onednn::LowerCall& call) {
  if (op.fn == UnaryFn::kLogicalNot) {
    if (call.in_type(0).dtype != DType::kBool) call.give_up("logical_not has a kernel for bool");
    const onednn::Form form{DType::kBool, onednn::Layout::kPlain};
    const int64_t count = call.in_type(0).elements();
    const onednn::Ref from = call.in(0, form);
    return call.kernel("logical_not", {from}, {call.out(0, form)}, [count](const auto& at) {
      for (int64_t i = 0; i < count; ++i) {
        at.out[0][i] = at.in[0][i] == std::byte{0} ? std::byte{1} : std::byte{0};
      }
    });
  }
  lower_pointwise(call, 0, {{.op = op}});
}
void lower(const LeakyRelu& op, onednn::LowerCall& call) { lower_pointwise(call, 0, {{.op = op}}); }
void lower(const Elu& op, onednn::LowerCall& call) { lower_pointwise(call, 0, {{.op = op}}); }
void lower(const Gelu& op, onednn::LowerCall& call) { lower_pointwise(call, 0, {{.op = op}}); }
void lower(const Softplus& op, onednn::LowerCall& call) { lower_pointwise(call, 0, {{.op = op}}); }
void lower(const Clamp& op, onednn::LowerCall& call) { lower_pointwise(call, 0, {{.op = op}}); }

void lower(const PRelu& op, onednn::LowerCall& call) {
  const Tensor slopes = call.known(1);
  if (!slopes.defined()) call.give_up("the slopes of a PRelu must be weights");
  Shape shape(call.in_type(0).rank(), 1);
  if (shape.size() > 1) shape[1] = slopes.elements();
  lower_pointwise(call, 0,
                  {{.op = op, .constant = Tensor(slopes.dtype(), shape, slopes.storage())}});
}

}  // namespace rung::ops
