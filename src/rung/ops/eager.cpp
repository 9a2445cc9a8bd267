#include "rung/ops/eager.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <type_traits>

#include "rung/base/error.h"
#include "rung/ops/widen_eager.h"

namespace rung {
namespace {

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

std::vector<at::Tensor> dispatch(const Op& op, const std::vector<at::Tensor>& in,
                                 const RunContext& context) {
  return std::visit(
      [&]<typename T>(const T& alternative) -> std::vector<at::Tensor> {
        if constexpr (kIsLeaf<T>) {
          fail_bug("{} is the executor's, not run", T::kName);
        } else {
          return ops::run(alternative, in, context);
        }
      },
      op);
}

/// Whether LibTorch has no kernel for the half precision of these inputs, as it has few on CPUs.
/// (Batch norms would update copies of their statistics in training: those are left alone.)
bool lacks_half(const Op& op, const std::vector<at::Tensor>& in, const RunContext& context,
                const c10::Error& error) {
  const bool half = std::any_of(in.begin(), in.end(), [](const at::Tensor& x) {
    return x.defined() && x.scalar_type() == at::kHalf && x.is_cpu();
  });
  if (!half || (context.training && std::holds_alternative<ops::BatchNorm>(op))) return false;
  const std::string_view text = error.what_without_backtrace();
  return text.find("not implemented for 'Half'") != std::string_view::npos;
}

/// The op in single precision, its results in half.
std::vector<at::Tensor> run_in_single(const Op& op, const std::vector<at::Tensor>& in,
                                      const RunContext& context) {
  std::vector<at::Tensor> wide;
  for (const auto& x : in) {
    wide.push_back(x.defined() && x.scalar_type() == at::kHalf ? x.to(at::kFloat) : x);
  }
  auto out = dispatch(op, wide, context);
  for (auto& y : out) {
    if (y.scalar_type() == at::kFloat) y = y.to(at::kHalf);
  }
  return out;
}

}  // namespace

std::vector<at::Tensor> run(const Op& op, const std::vector<at::Tensor>& in,
                            const RunContext& context) {
  try {
    if (runs_widened(op, in)) {
      return run_widened(op, in, [&](const auto& wide) { return dispatch(op, wide, context); });
    }
    try {
      return dispatch(op, in, context);
    } catch (const c10::Error& error) {
      if (!lacks_half(op, in, context, error)) throw;
    }
    return run_in_single(op, in, context);
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
