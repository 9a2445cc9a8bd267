#include "rung/ops/eager.h"
#include "rung/ops/eager_util.h"

namespace rung::ops {

namespace {

/// x in memory of its own kind: row by row, from a multiple of 64 bytes on. MKL rounds the product of
/// a view (a sequence's last step) otherwise than that of its copy, and a skip that changes nothing
/// must not change bits.
at::Tensor aligned(const at::Tensor& x) {
  constexpr uintptr_t kAlignment = 64;
  const at::Tensor rows = x.contiguous();
  const bool is_view = reinterpret_cast<uintptr_t>(rows.data_ptr()) % kAlignment != 0;
  return is_view ? rows.clone() : rows;
}

}  // namespace

Tensors run(const Linear&, const Tensors& in, const RunContext&) {
  return {at::linear(aligned(in[0]), in[1], optional_input(in, 2))};
}

Tensors run(const MatMul&, const Tensors& in, const RunContext&) {
  return {at::matmul(in[0], in[1])};
}

}  // namespace rung::ops
