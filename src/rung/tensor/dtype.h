#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rung {

/// The four floats of 8 bits are named by the bits of exponent and mantissa, as safetensors does
/// (f8_e4m3 is PyTorch's float8_e4m3fn): they have no infinities, but for f8_e5m2; those in -fnuz
/// have one NaN and no negative zero.
enum class DType : uint8_t {
  kF32,
  kF64,
  kF16,
  kBF16,
  kI8,
  kU8,
  kI16,
  kI32,
  kI64,
  kBool,
  kU16,
  kU32,
  kU64,
  kF8E4M3,
  kF8E4M3Fnuz,
  kF8E5M2,
  kF8E5M2Fnuz,
};

/// The one table of types; `name` is what rung prints and what safetensors calls it in lower case.
struct DTypeInfo {
  DType dtype;
  std::string_view name;
  int64_t bytes;
  bool floating;
};
inline constexpr std::array<DTypeInfo, 17> kDTypes = {{
    {DType::kF32, "f32", 4, true},
    {DType::kF64, "f64", 8, true},
    {DType::kF16, "f16", 2, true},
    {DType::kBF16, "bf16", 2, true},
    {DType::kI8, "i8", 1, false},
    {DType::kU8, "u8", 1, false},
    {DType::kI16, "i16", 2, false},
    {DType::kI32, "i32", 4, false},
    {DType::kI64, "i64", 8, false},
    {DType::kBool, "bool", 1, false},
    {DType::kU16, "u16", 2, false},
    {DType::kU32, "u32", 4, false},
    {DType::kU64, "u64", 8, false},
    {DType::kF8E4M3, "f8_e4m3", 1, true},
    {DType::kF8E4M3Fnuz, "f8_e4m3fnuz", 1, true},
    {DType::kF8E5M2, "f8_e5m2", 1, true},
    {DType::kF8E5M2Fnuz, "f8_e5m2fnuz", 1, true},
}};

constexpr const DTypeInfo& info(DType dtype) { return kDTypes[static_cast<size_t>(dtype)]; }
constexpr std::string_view name(DType dtype) { return info(dtype).name; }
constexpr int64_t size_of(DType dtype) { return info(dtype).bytes; }
constexpr bool is_floating(DType dtype) { return info(dtype).floating; }
constexpr bool is_float8(DType dtype) { return is_floating(dtype) && size_of(dtype) == 1; }
/// Whole numbers without sign of 16 bits and more, which few kernels know (unlike u8).
constexpr bool is_wide_unsigned(DType dtype) {
  return dtype == DType::kU16 || dtype == DType::kU32 || dtype == DType::kU64;
}
std::optional<DType> dtype_from_name(std::string_view name);

}  // namespace rung
