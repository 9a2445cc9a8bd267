#include "rung/tensor/tensor.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "rung/base/rng.h"
#include "rung/tensor/float8.h"

namespace rung {
namespace {

constexpr DType kFloats8[] = {DType::kF8E4M3, DType::kF8E4M3Fnuz, DType::kF8E5M2,
                              DType::kF8E5M2Fnuz};

TEST(Float8, HasTheNumbersOfItsType) {
  // Sign, exponent and mantissa: 1, the largest, the smallest, the smallest normal one.
  EXPECT_EQ(float8_to_float(0x38, DType::kF8E4M3), 1);
  EXPECT_EQ(float8_to_float(0x7e, DType::kF8E4M3), 448);
  EXPECT_EQ(float8_to_float(0x81, DType::kF8E4M3), -std::ldexp(1.F, -9));
  EXPECT_EQ(float8_to_float(0x40, DType::kF8E4M3Fnuz), 1);
  EXPECT_EQ(float8_to_float(0x7f, DType::kF8E4M3Fnuz), 240);
  EXPECT_EQ(float8_to_float(0x01, DType::kF8E4M3Fnuz), std::ldexp(1.F, -10));
  EXPECT_EQ(float8_to_float(0x3c, DType::kF8E5M2), 1);
  EXPECT_EQ(float8_to_float(0x7b, DType::kF8E5M2), 57344);
  EXPECT_EQ(float8_to_float(0xfc, DType::kF8E5M2), -std::numeric_limits<float>::infinity());
  EXPECT_EQ(float8_to_float(0x04, DType::kF8E5M2), std::ldexp(1.F, -14));
  EXPECT_EQ(float8_to_float(0xc0, DType::kF8E5M2Fnuz), -1);
  EXPECT_EQ(float8_to_float(0x7f, DType::kF8E5M2Fnuz), 57344);
  for (const DType dtype : kFloats8)
    EXPECT_EQ(largest_float8(dtype), dtype == DType::kF8E4M3       ? 448
                                     : dtype == DType::kF8E4M3Fnuz ? 240
                                                                   : 57344);
}

TEST(Float8, HasNaNAndZeros) {
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  for (const DType dtype : kFloats8) {
    const bool one_zero = dtype == DType::kF8E4M3Fnuz || dtype == DType::kF8E5M2Fnuz;
    EXPECT_TRUE(std::isnan(float8_to_float(float_to_float8(kNaN, dtype), dtype)));
    EXPECT_EQ(float_to_float8(-0.F, dtype), one_zero ? 0 : 0x80) << name(dtype);
    EXPECT_EQ(float_to_float8(-1e-30F, dtype), one_zero ? 0 : 0x80) << name(dtype);
    int nans = 0;
    for (int bits = 0; bits < 256; ++bits) {
      nans += std::isnan(float8_to_float(static_cast<uint8_t>(bits), dtype)) ? 1 : 0;
    }
    EXPECT_EQ(nans, one_zero ? 1 : dtype == DType::kF8E4M3 ? 2 : 6) << name(dtype);
  }
}

TEST(Float8, KeepsItsOwnNumbers) {
  for (const DType dtype : kFloats8) {
    for (int bits = 0; bits < 256; ++bits) {
      const auto before = static_cast<uint8_t>(bits);
      const float value = float8_to_float(before, dtype);
      if (std::isnan(value)) continue;
      EXPECT_EQ(float_to_float8(value, dtype), before) << name(dtype);
    }
  }
}

/// Of the finite numbers the nearest one, and the even one of two; searched, not computed.
uint8_t nearest(float value, DType dtype) {
  int best = -1;
  double least = 0;
  for (int bits = 0; bits < 256; ++bits) {
    const float candidate = float8_to_float(static_cast<uint8_t>(bits), dtype);
    if (!std::isfinite(candidate) || std::signbit(candidate) != std::signbit(value)) continue;
    const double away = std::fabs(static_cast<double>(candidate) - value);
    if (best < 0 || away < least || (away == least && bits % 2 == 0)) {
      best = bits;
      least = away;
    }
  }
  return static_cast<uint8_t>(best);
}

TEST(Float8, RoundsToTheNearest) {
  Rng rng(5);
  for (const DType dtype : kFloats8) {
    const auto most = static_cast<float>(largest_float8(dtype));
    for (int i = 0; i < 2000; ++i) {
      const float value =
          std::ldexp(static_cast<float>(rng.uniform() + 1), static_cast<int>(rng.integer(-20, 13)));
      if (value > most) continue;
      EXPECT_EQ(float_to_float8(value, dtype), nearest(value, dtype)) << name(dtype) << value;
    }
    for (int bits = 0; bits < 0x7e; ++bits) {  // between two of them: the even one
      const float low = float8_to_float(static_cast<uint8_t>(bits), dtype);
      const float high = float8_to_float(static_cast<uint8_t>(bits + 1), dtype);
      if (!std::isfinite(high)) continue;
      const float middle = (low + high) / 2;
      EXPECT_EQ(float_to_float8(middle, dtype), bits % 2 == 0 ? bits : bits + 1) << name(dtype);
    }
  }
}

TEST(Float8, GoesBeyondItsLargestAsPyTorchDoes) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const float value : {70000.F, kInfinity}) {
    EXPECT_EQ(float_to_float8(-value, DType::kF8E4M3), 0xff);
    EXPECT_EQ(float_to_float8(value, DType::kF8E4M3Fnuz), 0x80);
    EXPECT_EQ(float_to_float8(-value, DType::kF8E5M2), 0xfc);
    EXPECT_EQ(float_to_float8(-value, DType::kF8E5M2Fnuz), 0x80);
  }
  EXPECT_EQ(float_to_float8(464, DType::kF8E4M3), 0x7e);  // half way to what would be next
  EXPECT_EQ(float_to_float8(464.01F, DType::kF8E4M3), 0x7f);
  EXPECT_EQ(float_to_float8(248, DType::kF8E4M3Fnuz), 0x80);  // the even one is beyond
  EXPECT_EQ(float_to_float8(247.9F, DType::kF8E4M3Fnuz), 0x7f);
  EXPECT_EQ(float_to_float8(61439.F, DType::kF8E5M2), 0x7b);
  EXPECT_EQ(float_to_float8(61440.F, DType::kF8E5M2), 0x7c);
}

TEST(Tensor, WholeNumbersAreExactAndWrap) {
  Tensor large(DType::kU64, {2});
  large.set_integer(0, -1);
  large.set_integer(1, 5);
  EXPECT_EQ(large.as<uint64_t>()[0], UINT64_MAX);
  EXPECT_EQ(large.integer(0), -1);
  EXPECT_EQ(large.at(0), 18446744073709551616.0);
  Tensor small(DType::kU16, {1});
  small.set_integer(0, 65537);
  EXPECT_EQ(small.integer(0), 1);
  Tensor half(DType::kF16, {1});
  half.set_integer(0, 3);
  EXPECT_EQ(half.at(0), 3);
  EXPECT_EQ(half.integer(0), 3);
  Tensor flag(DType::kBool, {1});
  flag.set_integer(0, 256);
  EXPECT_EQ(flag.at(0), 1);
}

}  // namespace
}  // namespace rung
