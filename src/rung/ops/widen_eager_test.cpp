// Ops on the types that LibTorch computes little in, against C++'s arithmetic.
#include "rung/ops/widen_eager.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "rung/base/expect_error.h"
#include "rung/exec/eager/convert.h"
#include "rung/ops/dtype_eager.h"
#include "rung/ops/eager.h"
#include "rung/tensor/float8.h"

namespace rung {
namespace {

using U64 = uint64_t;

class WidenedOps : public testing::Test {
 protected:
  void SetUp() override {
    if (!torch_has(DType::kU64)) GTEST_SKIP() << "this LibTorch has neither u64 nor f8";
  }
};

class WidenedFloats8 : public WidenedOps, public testing::WithParamInterface<DType> {};

template <typename T>
at::Tensor of(DType dtype, const Shape& shape, const std::vector<T>& values) {
  Tensor out(dtype, shape);
  std::copy(values.begin(), values.end(), out.as<T>().begin());
  return to_torch(out);
}

template <typename T>
std::vector<T> values(const at::Tensor& tensor) {
  const Tensor ours = from_torch(tensor.contiguous());
  const auto all = ours.as<T>();
  return {all.begin(), all.end()};
}

at::Tensor run_one(const Op& op, const std::vector<at::Tensor>& in) { return run(op, in, {})[0]; }

Op aten(const std::string& schema, DType dtype, const Shape& shape, const std::string& more = "") {
  return ops::Opaque{.schema = schema,
                     .arguments = R"([{"input":0},{"input":1})" + more + "]",
                     .types = {TensorType(dtype, shape)}};
}

/// Small ones, and those around 2^31, 2^63 and 2^64.
const std::vector<U64> kNumbers = {0,
                                   1,
                                   2,
                                   3,
                                   7,
                                   1U << 31,
                                   ~U64{0} / 3,
                                   INT64_MAX,
                                   U64{1} << 63,
                                   (U64{1} << 63) + 1,
                                   ~U64{0} - 1,
                                   ~U64{0}};
const auto kCount = static_cast<int64_t>(kNumbers.size());

/// Every pair of numbers; `divisors` leaves 0 out behind.
template <typename Out = U64, typename F>
void expect_pairs(const Op& op, const F& expected, bool divisors = false) {
  const std::vector<U64> behind(kNumbers.begin() + (divisors ? 1 : 0), kNumbers.end());
  const at::Tensor a =
      of(DType::kU64, {kCount, 1}, kNumbers).expand({kCount, static_cast<int64_t>(behind.size())});
  const at::Tensor b = of(DType::kU64, {static_cast<int64_t>(behind.size())}, behind).expand_as(a);
  const auto got = values<Out>(run_one(op, {a.contiguous(), b.contiguous()}));
  size_t i = 0;
  for (const U64 x : kNumbers) {
    for (const U64 y : behind) {
      EXPECT_EQ(got.at(i++), static_cast<Out>(expected(x, y)))
          << to_string(op) << ": " << x << ", " << y;
    }
  }
}

TEST_F(WidenedOps, ComputeInU64BeyondI64) {
  using ops::Binary;
  using ops::BinaryFn;
  expect_pairs(Binary{BinaryFn::kAdd}, [](U64 x, U64 y) { return x + y; });
  expect_pairs(Binary{BinaryFn::kSub}, [](U64 x, U64 y) { return x - y; });
  expect_pairs(Binary{BinaryFn::kMul}, [](U64 x, U64 y) { return x * y; });
  expect_pairs(Binary{BinaryFn::kMin}, [](U64 x, U64 y) { return std::min(x, y); });
  expect_pairs(Binary{BinaryFn::kMax}, [](U64 x, U64 y) { return std::max(x, y); });
  expect_pairs(
      Binary{BinaryFn::kRemainder}, [](U64 x, U64 y) { return x % y; }, true);
}

TEST_F(WidenedOps, CompareInU64BeyondI64) {
  using ops::Binary;
  using ops::BinaryFn;
  const auto expect = [](BinaryFn fn, auto compare) {
    expect_pairs<uint8_t>(Binary{fn}, [&](U64 x, U64 y) { return compare(x, y) ? 1 : 0; });
  };
  expect(BinaryFn::kEqual, std::equal_to<U64>());
  expect(BinaryFn::kNotEqual, std::not_equal_to<U64>());
  expect(BinaryFn::kLess, std::less<U64>());
  expect(BinaryFn::kLessEqual, std::less_equal<U64>());
  expect(BinaryFn::kGreater, std::greater<U64>());
  expect(BinaryFn::kGreaterEqual, std::greater_equal<U64>());
}

TEST_F(WidenedOps, DivideAndShiftInU64BeyondI64) {
  const Shape shape{kCount, kCount}, without{kCount, kCount - 1};
  const std::string pair = "(Tensor self, Tensor other) -> Tensor";
  expect_pairs(
      aten("aten::div.Tensor_mode(Tensor self, Tensor other, *, str? rounding_mode) -> Tensor",
           DType::kU64, without, R"(,{"kind":"string","value":"trunc"})"),
      [](U64 x, U64 y) { return x / y; }, true);
  expect_pairs(
      aten("aten::fmod.Tensor" + pair, DType::kU64, without), [](U64 x, U64 y) { return x % y; },
      true);
  expect_pairs(aten("aten::bitwise_and.Tensor" + pair, DType::kU64, shape),
               [](U64 x, U64 y) { return x & y; });
  expect_pairs(aten("aten::bitwise_xor.Tensor" + pair, DType::kU64, shape),
               [](U64 x, U64 y) { return x ^ y; });
  expect_pairs(aten("aten::bitwise_right_shift.Tensor" + pair, DType::kU64, shape),
               [](U64 x, U64 y) { return y < 64 ? x >> y : 0; });
  expect_pairs(aten("aten::bitwise_left_shift.Tensor" + pair, DType::kU64, shape),
               [](U64 x, U64 y) { return y < 64 ? x << y : 0; });
}

TEST_F(WidenedOps, ReduceAndConvertU64BeyondI64) {
  using ops::Reduce;
  using ops::ReduceKind;
  const at::Tensor x = of(DType::kU64, {kCount}, kNumbers);
  EXPECT_EQ(values<U64>(run_one(Reduce{.kind = ReduceKind::kMax}, {x})), std::vector<U64>{~U64{0}});
  EXPECT_EQ(values<U64>(run_one(Reduce{.kind = ReduceKind::kMin}, {x})), std::vector<U64>{0});
  EXPECT_EQ(values<int64_t>(run_one(Reduce{.kind = ReduceKind::kArgMax, .axes = {0}}, {x})),
            std::vector<int64_t>{kCount - 1});
  const auto doubles = values<double>(run_one(ops::Cast{DType::kF64}, {x}));
  for (size_t i = 0; i < kNumbers.size(); ++i) {
    EXPECT_EQ(doubles[i], static_cast<double>(kNumbers[i]));
  }
  EXPECT_EQ(values<U64>(run_one(ops::Slice{.begin = -1}, {x})), std::vector<U64>{~U64{0}});
  EXPECT_EQ(values<U64>(run_one(ops::Concat{.axis = 0}, {x, x})).size(), 2 * kNumbers.size());
}

TEST_F(WidenedOps, RefuseU64BeyondI64WhereTheyWouldBeWrong) {
  const at::Tensor x = of<U64>(DType::kU64, {2}, {1, ~U64{0}});
  EXPECT_EQ(
      error_of(ErrorKind::kUnsupported, [&] { run_one(ops::Clamp{.low = 0, .high = 3}, {x}); }),
      "Clamp(low=0.0, high=3.0) on (u64[2]): numbers of 2^63 and more in u64; cast them to f64 in "
      "front");
  const at::Tensor small = of<U64>(DType::kU64, {2}, {1, INT64_MAX});
  EXPECT_EQ(values<U64>(run_one(ops::Clamp{.low = 0, .high = 3}, {small})),
            (std::vector<U64>{1, 3}));
}

/// a op b for every pair of some numbers, wrapped to the type.
template <typename T>
void expect_wraps(DType dtype) {
  const std::vector<T> all{
      0, 1, 2, 100, static_cast<T>(~T{0} / 2), static_cast<T>(~T{0} - 1), static_cast<T>(~T{0})};
  const auto n = static_cast<int64_t>(all.size());
  const at::Tensor a = of(dtype, {n, 1}, all), b = of(dtype, {n}, all);
  const auto expect = [&](ops::BinaryFn fn, auto f) {
    const auto got = values<T>(run_one(ops::Binary{fn}, {a, b}));
    size_t i = 0;
    for (const T x : all) {
      for (const T y : all)
        EXPECT_EQ(got.at(i++), static_cast<T>(f(U64{x}, U64{y}))) << name(dtype);
    }
  };
  expect(ops::BinaryFn::kAdd, std::plus<U64>());
  expect(ops::BinaryFn::kSub, std::minus<U64>());
  expect(ops::BinaryFn::kMul, std::multiplies<U64>());
  expect(ops::BinaryFn::kMax, [](U64 x, U64 y) { return std::max(x, y); });
}

TEST_F(WidenedOps, WrapU16AndU32) {
  expect_wraps<uint16_t>(DType::kU16);
  expect_wraps<uint32_t>(DType::kU32);
}

TEST_F(WidenedOps, CountInU16) {
  const auto counted = run_one(ops::ArangeLike{.axis = 0, .dtype = DType::kU16}, {at::zeros({3})});
  EXPECT_EQ(values<uint16_t>(counted), (std::vector<uint16_t>{0, 1, 2}));
  const auto filled = run_one(ops::FullLike{.value = 65535}, {counted});
  EXPECT_EQ(values<uint16_t>(filled), (std::vector<uint16_t>{65535, 65535, 65535}));
}

// LibTorch's conversions and rung's own agree on every half.
TEST_P(WidenedFloats8, ConvertAsRungDoes) {
  const DType dtype = GetParam();
  std::vector<uint16_t> all(65536);
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<uint16_t>(i);
  const at::Tensor halves = of(DType::kF16, {65536}, all);
  const auto bits = values<uint8_t>(run_one(ops::Cast{dtype}, {halves}));
  const auto back =
      values<float>(run_one(ops::Cast{DType::kF32}, {run_one(ops::Cast{dtype}, {halves})}));
  for (size_t i = 0; i < all.size(); ++i) {
    const float value = f16_to_float(all[i]);
    const float ours = float8_to_float(float_to_float8(value, dtype), dtype);
    if (std::isnan(ours)) {
      EXPECT_TRUE(std::isnan(back[i])) << value;
    } else {
      EXPECT_EQ(back[i], ours) << value;
      EXPECT_EQ(bits[i], float_to_float8(value, dtype)) << value;
    }
  }
}

TEST_P(WidenedFloats8, ComputeInF32AndRound) {
  const DType dtype = GetParam();
  std::vector<uint8_t> all;
  for (int bits = 0; bits < 0x78; ++bits) all.push_back(static_cast<uint8_t>(bits));
  const auto n = static_cast<int64_t>(all.size());
  const at::Tensor a = of(dtype, {n, 1}, all), b = of(dtype, {n}, all);
  const at::Tensor sum = run_one(ops::Binary{ops::BinaryFn::kAdd}, {a, b});
  EXPECT_EQ(from_torch(sum.scalar_type()), dtype);
  const auto got = values<uint8_t>(sum);
  size_t i = 0;
  for (const uint8_t x : all) {
    for (const uint8_t y : all) {
      const float exact = float8_to_float(x, dtype) + float8_to_float(y, dtype);
      EXPECT_EQ(got.at(i++), float_to_float8(exact, dtype)) << exact;
    }
  }
  const auto turned =
      run_one(ops::Transpose{.order = {1, 0}}, {run_one(ops::Unsqueeze{.axes = {0}}, {b})});
  EXPECT_EQ(values<uint8_t>(turned), all);
}

INSTANTIATE_TEST_SUITE_P(AllOfThem, WidenedFloats8,
                         testing::Values(DType::kF8E4M3, DType::kF8E4M3Fnuz, DType::kF8E5M2,
                                         DType::kF8E5M2Fnuz),
                         [](const auto& given) { return std::string(name(given.param)); });

}  // namespace
}  // namespace rung
