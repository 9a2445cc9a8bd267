#include "rung/ops/widen_eager.h"

#include <algorithm>
#include <limits>
#include <span>
#include <string_view>

#include "rung/base/error.h"
#include "rung/ops/dtype_eager.h"

namespace rung {
namespace {

using Tensors = std::vector<at::Tensor>;

constexpr int64_t kTop = std::numeric_limits<int64_t>::min();  // 2^63 as the bits of an i64

bool few(const at::Tensor& x) { return x.defined() && has_few_kernels(x.scalar_type()); }
bool is_u64(const at::Tensor& x) { return few(x) && from_torch(x.scalar_type()) == DType::kU64; }

at::Tensor widened(const at::Tensor& x) {
  if (!few(x)) return x;
  if (is_u64(x)) return x.view(at::kLong);
  return x.to(is_float8(from_torch(x.scalar_type())) ? at::kFloat : at::kLong);
}

at::Tensor narrowed(const at::Tensor& y, DType dtype) {
  const auto type = to_torch(dtype);
  if (y.scalar_type() == type) return y;
  return dtype == DType::kU64 && y.scalar_type() == at::kLong ? y.view(type) : converted(y, type);
}

/// What the op's rule says of its results.
std::vector<DType> result_types(const Op& op, const Tensors& in) {
  std::vector<TensorType> types;
  for (const auto& x : in) types.emplace_back(from_torch(x.scalar_type()), x.sizes().vec());
  std::vector<DType> out;
  for (const auto& type : infer(op, types)) out.push_back(type.dtype);
  return out;
}

/// "add", "Slice", and "aten::fmod.Tensor" for an operator of LibTorch.
std::string_view name_of(const Op& op) {
  const auto* opaque = std::get_if<ops::Opaque>(&op);
  if (opaque == nullptr) return op_name(op);
  return std::string_view(opaque->schema).substr(0, opaque->schema.find('('));
}

bool listed(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// What i64 of the same bits, and i64 moved by 2^63, get right.
// clang-format off
constexpr std::string_view kBits[] = {
    "add", "sub", "mul", "sum", "prod", "equal", "not_equal", "and", "or", "xor",
    "aten::bitwise_and.Tensor", "aten::bitwise_or.Tensor", "aten::bitwise_xor.Tensor",
    "aten::bitwise_not", "aten::bitwise_left_shift.Tensor",
    "Slice", "Concat", "Split", "Stack", "Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze",
    "Expand", "Pad", "CropLike", "PadLike", "Where", "Gather", "Embedding", "Detach",
    "FullLike", "ArangeLike", "aten::flip", "aten::gather"};
constexpr std::string_view kOrder[] = {
    "min", "max", "amin", "amax", "arg_max", "less", "less_equal", "greater", "greater_equal",
    "aten::argmin", "aten::topk", "aten::sort"};
// clang-format on

/// a >= b, of bits of u64.
at::Tensor at_least(const at::Tensor& a, const at::Tensor& b) {
  return at::ge(at::bitwise_xor(a, kTop), at::bitwise_xor(b, kTop));
}

/// A divisor of 2^63 and more goes into a once or never; for others, half of a is divided.
at::Tensor quotient(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor large = at::lt(b, 0);
  const at::Tensor divisor = at::where(large, at::ones_like(b), b);
  const at::Tensor half = at::bitwise_and(at::bitwise_right_shift(a, 1), ~kTop);
  const at::Tensor q = at::mul(at::div(half, divisor, "trunc"), 2);
  const at::Tensor rest = at::sub(a, at::mul(q, divisor));
  const at::Tensor small = at::add(q, at_least(rest, divisor));
  return at::where(large, at_least(a, b).to(at::kLong), small);
}

at::Tensor shifted_right(const at::Tensor& a, const at::Tensor& bits) {
  const at::Tensor copies = at::mul(at::bitwise_right_shift(at::full_like(bits, kTop), bits), 2);
  const at::Tensor moved =
      at::bitwise_and(at::bitwise_right_shift(a, bits), at::bitwise_not(copies));
  return at::where(at_least(bits, at::full_like(bits, 64)), at::zeros_like(bits), moved);
}

/// Of bits of u64, where i64 would be wrong from 2^63 on.
Tensors run_in_parts(const Op& op, DType result, const Tensors& wide, const RunWide& run) {
  const std::string_view name = name_of(op);
  if (listed(kBits, name)) return run(wide);
  if (name == "aten::div.Tensor_mode" && result == DType::kU64) {
    return {quotient(wide[0], wide[1])};
  }
  if (name == "remainder" || name == "aten::fmod.Tensor") {
    return {at::sub(wide[0], at::mul(quotient(wide[0], wide[1]), wide[1]))};
  }
  if (name == "aten::bitwise_right_shift.Tensor") return {shifted_right(wide[0], wide[1])};
  fail_unsupported("numbers of 2^63 and more in u64; cast them to f64 in front");
}

Tensors run_in_order(const std::vector<DType>& results, const Tensors& in, Tensors wide,
                     const RunWide& run) {
  for (size_t i = 0; i < in.size(); ++i) {
    if (is_u64(in[i])) wide[i] = at::bitwise_xor(wide[i], kTop);
  }
  Tensors out = run(wide);
  for (size_t k = 0; k < out.size(); ++k) {
    if (results.at(k) == DType::kU64) out[k] = at::bitwise_xor(out[k], kTop);
  }
  return out;
}

bool any_beyond_i64(const Tensors& in) {
  return std::any_of(in.begin(), in.end(), [](const at::Tensor& x) {
    return is_u64(x) && at::lt(x.view(at::kLong), 0).any().item<bool>();
  });
}

}  // namespace

bool runs_widened(const Op& op, const Tensors& in) {
  if (std::none_of(in.begin(), in.end(), few)) return false;
  return !std::holds_alternative<ops::Cast>(op) && name_of(op) != "aten::view.dtype";
}

Tensors run_widened(const Op& op, const Tensors& in, const RunWide& run) {
  Tensors wide;
  for (const auto& x : in) wide.push_back(widened(x));
  const auto results = result_types(op, in);
  Tensors out = !any_beyond_i64(in)           ? run(wide)
                : listed(kOrder, name_of(op)) ? run_in_order(results, in, wide, run)
                                              : run_in_parts(op, results.at(0), wide, run);
  for (size_t k = 0; k < out.size(); ++k) out[k] = narrowed(out[k], results.at(k));
  return out;
}

}  // namespace rung
