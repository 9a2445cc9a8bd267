#pragma once

#include <cstdint>

#include "rung/tensor/dtype.h"

namespace rung {

/// The floats of 8 bits, exact one way and rounded to nearest even the other, as PyTorch converts
/// them: what rounds to more than the largest number becomes infinite where the type has
/// infinities (f8_e5m2), else NaN. ONNX's saturation is a clamp in front.
float float8_to_float(uint8_t bits, DType dtype);
uint8_t float_to_float8(float value, DType dtype);
/// The largest finite number: 448, 240, 57344, 57344.
double largest_float8(DType dtype);

}  // namespace rung
