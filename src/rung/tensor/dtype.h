#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rung {

enum class DType : uint8_t { kF32, kF64, kF16, kBF16, kI8, kU8, kI16, kI32, kI64, kBool };

/// The one table of types; `name` is what rung prints and what safetensors calls it in lower case.
struct DTypeInfo {
  DType dtype;
  std::string_view name;
  int64_t bytes;
  bool floating;
};
inline constexpr std::array<DTypeInfo, 10> kDTypes = {{{DType::kF32, "f32", 4, true},
                                                       {DType::kF64, "f64", 8, true},
                                                       {DType::kF16, "f16", 2, true},
                                                       {DType::kBF16, "bf16", 2, true},
                                                       {DType::kI8, "i8", 1, false},
                                                       {DType::kU8, "u8", 1, false},
                                                       {DType::kI16, "i16", 2, false},
                                                       {DType::kI32, "i32", 4, false},
                                                       {DType::kI64, "i64", 8, false},
                                                       {DType::kBool, "bool", 1, false}}};

constexpr const DTypeInfo& info(DType dtype) { return kDTypes[static_cast<size_t>(dtype)]; }
constexpr std::string_view name(DType dtype) { return info(dtype).name; }
constexpr int64_t size_of(DType dtype) { return info(dtype).bytes; }
constexpr bool is_floating(DType dtype) { return info(dtype).floating; }
std::optional<DType> dtype_from_name(std::string_view name);

}  // namespace rung
