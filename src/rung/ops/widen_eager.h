#pragma once

#include <ATen/ATen.h>

#include <functional>
#include <vector>

#include "rung/ops/op.h"

namespace rung {

/// LibTorch has few kernels for 8-bit floats and for u16, u32 and u64. An op with such inputs runs
/// in a type that has all of them, and its results are converted to the types of the op's rule:
///   f8        in f32, rounded to nearest even
///   u16, u32  in i64; results wrap around
///   u64       in i64 of the same bits, which gives the same bits below 2^63 and for sums,
///   products,
///             equality and what only moves numbers. From 2^63 on, the order is moved by 2^63, and
///             quotients, remainders and shifts are worked out in parts; other ops refuse such
///             numbers.
/// Conversions (Cast, or the same bytes as another type) LibTorch does itself.
bool runs_widened(const Op& op, const std::vector<at::Tensor>& in);

using RunWide = std::function<std::vector<at::Tensor>(const std::vector<at::Tensor>&)>;
std::vector<at::Tensor> run_widened(const Op& op, const std::vector<at::Tensor>& in,
                                    const RunWide& run);

}  // namespace rung
