#pragma once

#include <c10/core/ScalarType.h>

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

}  // namespace rung
