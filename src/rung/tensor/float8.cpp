#include "rung/tensor/float8.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "rung/base/error.h"

namespace rung {
namespace {

struct Format {
  int mantissa, bias;  ///< bits; what is taken from the exponent
  uint8_t largest;     ///< finite
  uint8_t beyond;      ///< what larger numbers become
  uint8_t nan;
  bool one_zero;  ///< no negative zero, whose bits are NaN
};

const Format& format_of(DType dtype) {
  static constexpr Format kE4M3{3, 7, 0x7e, 0x7f, 0x7f, false};
  static constexpr Format kE4M3Fnuz{3, 8, 0x7f, 0x80, 0x80, true};
  static constexpr Format kE5M2{2, 15, 0x7b, 0x7c, 0x7f, false};
  static constexpr Format kE5M2Fnuz{2, 16, 0x7f, 0x80, 0x80, true};
  switch (dtype) {
    case DType::kF8E4M3:
      return kE4M3;
    case DType::kF8E4M3Fnuz:
      return kE4M3Fnuz;
    case DType::kF8E5M2:
      return kE5M2;
    case DType::kF8E5M2Fnuz:
      return kE5M2Fnuz;
    default:
      fail_bug("{} is no float of 8 bits", name(dtype));
  }
}

float magnitude_of(int bits, const Format& format) {
  const int exponent = bits >> format.mantissa, one = 1 << format.mantissa;
  const int fraction = (bits & (one - 1)) + (exponent > 0 ? one : 0);
  return std::ldexp(static_cast<float>(fraction),
                    std::max(exponent, 1) - format.bias - format.mantissa);
}

}  // namespace

float float8_to_float(uint8_t bits, DType dtype) {
  const Format& format = format_of(dtype);
  const bool negative = bits >= 0x80;
  const uint8_t magnitude = bits & 0x7f;
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  float value = 0;
  if (format.one_zero ? bits == format.nan : magnitude > format.largest) {
    const bool infinite = magnitude == format.beyond && format.beyond != format.nan;
    value = infinite ? kInfinity : std::numeric_limits<float>::quiet_NaN();
  } else {
    value = magnitude_of(magnitude, format);
  }
  return negative ? -value : value;
}

uint8_t float_to_float8(float value, DType dtype) {
  const Format& format = format_of(dtype);
  const auto sign = static_cast<uint8_t>(std::signbit(value) ? 0x80 : 0);
  const auto signed_bits = [&](uint8_t bits) {
    if (format.one_zero && (bits == 0 || bits == format.nan)) return bits;
    return static_cast<uint8_t>(sign | bits);
  };
  if (std::isnan(value)) return signed_bits(format.nan);
  const float magnitude = std::fabs(value);
  if (magnitude >= 65536) return signed_bits(format.beyond);
  if (magnitude == 0) return signed_bits(0);
  const int exponent = std::max(std::ilogb(magnitude), 1 - format.bias);
  // In units of the last bit; a carry into the exponent adds up by itself.
  const auto units =
      static_cast<int>(std::nearbyint(std::ldexp(magnitude, format.mantissa - exponent)));
  const int bits = ((exponent + format.bias - 1) << format.mantissa) + units;
  return signed_bits(bits > format.largest ? format.beyond : static_cast<uint8_t>(bits));
}

double largest_float8(DType dtype) { return float8_to_float(format_of(dtype).largest, dtype); }

}  // namespace rung
