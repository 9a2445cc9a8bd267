#include "rung/ops/eager.h"
#include "rung/ops/eager_util.h"

namespace rung::ops {

Tensors run(const Linear&, const Tensors& in, const RunContext&) {
  return {at::linear(in[0], in[1], optional_input(in, 2))};
}

Tensors run(const MatMul&, const Tensors& in, const RunContext&) {
  return {at::matmul(in[0], in[1])};
}

}  // namespace rung::ops
