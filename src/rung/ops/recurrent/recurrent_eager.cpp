#include "rung/base/error.h"
#include "rung/ops/dtype_eager.h"
#include "rung/ops/eager.h"

namespace rung::ops {
namespace {

/// LibTorch's recurrent functions read and write outside of tensors of other sizes.
void check_sizes(const Recurrent& op, const Tensors& in) {
  std::vector<TensorType> types;
  for (const at::Tensor& x : in) {
    types.emplace_back(from_torch(x.scalar_type()), x.sizes().vec(),
                       Roles(static_cast<size_t>(x.dim()), Role::kNone));
  }
  infer(op, types);
}

}  // namespace

Tensors run(const Recurrent& op, const Tensors& in, const RunContext& context) {
  check_sizes(op, in);
  const auto& x = in[0];
  const bool lstm = op.cell == Cell::kLstm;
  const int64_t batch = x.size(op.batch_first ? 0 : 1);
  const int64_t directions = op.bidirectional ? 2 : 1;

  auto next = in.begin() + 1;
  const auto state = [&] {
    if (op.has_state) return *next++;
    return at::zeros({op.layers * directions, batch, op.hidden}, x.options());
  };
  const at::Tensor h0 = state();
  const at::Tensor c0 = lstm ? state() : at::Tensor();
  const Tensors weights(next, in.end());

  const auto call = [&](auto& cell, const auto& start) {
    return cell(x, start, weights, op.bias, op.layers, op.dropout, context.training,
                op.bidirectional, op.batch_first);
  };
  using One =
      std::tuple<at::Tensor, at::Tensor>(const at::Tensor&, const at::Tensor&, at::TensorList, bool,
                                         int64_t, double, bool, bool, bool);
  using Three = std::tuple<at::Tensor, at::Tensor, at::Tensor>(
      const at::Tensor&, at::TensorList, at::TensorList, bool, int64_t, double, bool, bool, bool);
  if (lstm) {
    auto [y, h, c] = call(static_cast<Three&>(at::lstm), Tensors{h0, c0});
    return {y, h, c};
  }
  const auto one = [&](One& cell) -> Tensors {
    auto [y, h] = call(cell, h0);
    return {y, h};
  };
  switch (op.cell) {
    case Cell::kGru:
      return one(at::gru);
    case Cell::kRnnTanh:
      return one(at::rnn_tanh);
    case Cell::kRnnRelu:
      return one(at::rnn_relu);
    case Cell::kLstm:
      break;
  }
  fail_bug("unknown recurrent cell");
}

}  // namespace rung::ops
