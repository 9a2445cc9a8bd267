#include "rung/ops/dtype_eager.h"

#include <ATen/ATen.h>
#include <torch/version.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <optional>

#include "rung/base/error.h"
#include "rung/ops/eager.h"

namespace rung {
namespace {

struct TorchType {
  DType ours;
  at::ScalarType theirs;
};

/// The one table of types, read both ways. What this LibTorch lacks is not in it.
constexpr TorchType kTypes[] = {
    {DType::kF32, at::kFloat},
    {DType::kF64, at::kDouble},
    {DType::kF16, at::kHalf},
    {DType::kBF16, at::kBFloat16},
    {DType::kI8, at::kChar},
    {DType::kU8, at::kByte},
    {DType::kI16, at::kShort},
    {DType::kI32, at::kInt},
    {DType::kI64, at::kLong},
    {DType::kBool, at::kBool},
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 3)
    {DType::kU16, at::kUInt16},
    {DType::kU32, at::kUInt32},
    {DType::kU64, at::kUInt64},
    {DType::kF8E4M3, at::kFloat8_e4m3fn},
    {DType::kF8E4M3Fnuz, at::kFloat8_e4m3fnuz},
    {DType::kF8E5M2, at::kFloat8_e5m2},
    {DType::kF8E5M2Fnuz, at::kFloat8_e5m2fnuz},
#endif
};

std::optional<DType> find(at::ScalarType type) {
  for (const auto& [ours, theirs] : kTypes) {
    if (theirs == type) return ours;
  }
  return std::nullopt;
}

}  // namespace

at::ScalarType to_torch(DType dtype) {
  for (const auto& [ours, theirs] : kTypes) {
    if (ours == dtype) return theirs;
  }
  fail_unsupported("tensors of {} need LibTorch 2.3 or newer, and this is LibTorch {}", name(dtype),
                   TORCH_VERSION);
}

bool torch_has(DType dtype) {
  return std::any_of(std::begin(kTypes), std::end(kTypes),
                     [&](const TorchType& type) { return type.ours == dtype; });
}

DType from_torch(at::ScalarType type) {
  if (const auto found = find(type)) return *found;
  fail_unsupported("tensors of LibTorch's type {} are not supported", c10::toString(type));
}

bool has_few_kernels(at::ScalarType type) {
  const auto dtype = find(type);
  return dtype && (is_float8(*dtype) || is_wide_unsigned(*dtype));
}

at::Tensor converted(const at::Tensor& x, at::ScalarType type) {
  if (x.scalar_type() == type || find(type) != DType::kF8E4M3) return x.to(type);
  const bool computes = x.is_floating_point() && !has_few_kernels(x.scalar_type());
  const at::Tensor wide = computes ? x : x.to(at::kFloat);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  return wide.masked_fill(wide.abs() > 464, nan).to(type);
}

std::string type_text(const at::Tensor& tensor) {
  if (!tensor.defined()) return "undefined";
  const auto dtype = find(tensor.scalar_type());
  return (dtype ? std::string(name(*dtype)) : c10::toString(tensor.scalar_type())) +
         to_string(tensor.sizes().vec());
}

}  // namespace rung
