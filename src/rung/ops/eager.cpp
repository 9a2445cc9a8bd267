#include "rung/ops/eager.h"

#include <c10/util/Exception.h>

#include <array>
#include <type_traits>

#include "rung/base/error.h"
#include "rung/ops/dtype_eager.h"

namespace rung {
namespace {

/// The one table of types, read both ways.
constexpr std::array<std::pair<DType, at::ScalarType>, 10> kTypes = {{{DType::kF32, at::kFloat},
                                                                      {DType::kF64, at::kDouble},
                                                                      {DType::kF16, at::kHalf},
                                                                      {DType::kBF16, at::kBFloat16},
                                                                      {DType::kI8, at::kChar},
                                                                      {DType::kU8, at::kByte},
                                                                      {DType::kI16, at::kShort},
                                                                      {DType::kI32, at::kInt},
                                                                      {DType::kI64, at::kLong},
                                                                      {DType::kBool, at::kBool}}};

template <typename T>
constexpr bool kIsLeaf = std::is_same_v<T, ops::Input> || std::is_same_v<T, ops::Param> ||
                         std::is_same_v<T, ops::Constant>;

std::string describe(const Op& op, const std::vector<at::Tensor>& in) {
  std::string text = to_string(op) + " on (";
  for (size_t i = 0; i < in.size(); ++i) {
    if (i > 0) text += ", ";
    text += type_text(in[i]);
  }
  return text + ")";
}

std::string first_line(std::string_view text) {
  return std::string(text.substr(0, text.find('\n')));
}

}  // namespace

at::ScalarType to_torch(DType dtype) {
  for (const auto& [ours, theirs] : kTypes) {
    if (ours == dtype) return theirs;
  }
  fail_bug("dtype {} has no LibTorch type", name(dtype));
}

DType from_torch(at::ScalarType type) {
  for (const auto& [ours, theirs] : kTypes) {
    if (theirs == type) return ours;
  }
  fail_unsupported("tensors of LibTorch's type {} are not supported", c10::toString(type));
}

std::string type_text(const at::Tensor& tensor) {
  if (!tensor.defined()) return "undefined";
  std::string type = c10::toString(tensor.scalar_type());
  for (const auto& [ours, theirs] : kTypes) {
    if (theirs == tensor.scalar_type()) type = name(ours);
  }
  return type + to_string(tensor.sizes().vec());
}

std::vector<at::Tensor> run(const Op& op, const std::vector<at::Tensor>& in,
                            const RunContext& context) {
  try {
    return std::visit(
        [&]<typename T>(const T& alternative) -> std::vector<at::Tensor> {
          if constexpr (kIsLeaf<T>) {
            fail_bug("{} is the executor's, not run", T::kName);
          } else {
            return ops::run(alternative, in, context);
          }
        },
        op);
  } catch (const Error& error) {
    throw Error(error.kind(), describe(op, in) + ": " + error.what());
  } catch (const c10::Error& error) {
    throw Error(ErrorKind::kUser,
                describe(op, in) + ": " + first_line(error.what_without_backtrace()));
  } catch (const std::exception& error) {  // oneDNN's own, out of memory
    throw Error(ErrorKind::kUser, describe(op, in) + ": " + first_line(error.what()));
  }
}

}  // namespace rung
