#pragma once

#include <ATen/core/Tensor.h>

#include "rung/tensor/dtype.h"

namespace rung {

/// Throws an unsupported error for types that this LibTorch lacks: 1.13 has neither 8-bit floats
/// nor unsigned numbers of 16 to 64 bits.
at::ScalarType to_torch(DType dtype);
bool torch_has(DType dtype);
/// Throws an unsupported error for types that rung lacks (complex, quantised).
DType from_torch(at::ScalarType type);
/// Whether LibTorch converts to and from the type, and computes little in it.
bool has_few_kernels(at::ScalarType type);
/// `x.to(type)`, with one answer for all versions of LibTorch: beyond its range (464, where rounding
/// up begins) float8_e4m3fn is NaN, as ONNX defines it without `saturate`. LibTorch 2.13 gives 448.
at::Tensor converted(const at::Tensor& x, at::ScalarType type);

}  // namespace rung
