#pragma once

#include <c10/core/ScalarType.h>

#include "rung/tensor/dtype.h"

namespace rung {

at::ScalarType to_torch(DType dtype);
/// Throws an unsupported error for types that rung lacks (complex, quantised).
DType from_torch(at::ScalarType type);

}  // namespace rung
