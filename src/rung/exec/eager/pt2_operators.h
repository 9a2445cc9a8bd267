#pragma once

#include "rung/exec/eager/pt2_run.h"

namespace rung::pt2 {

/// Whether a node only checks what was true when the network was exported.
bool is_guard(const std::string& target);

/// A function of numbers and sizes: torch.ops.aten.sym_size.int, _operator.mul, …
struct Symbolic {
  std::string_view name;
  size_t arguments;
  c10::IValue (*function)(const std::vector<c10::IValue>& arguments);
  /// Throws a user error that begins with `what`.
  std::vector<c10::IValue> call(const std::vector<c10::IValue>& arguments,
                                const std::string& what) const;
};
const Symbolic* find_symbolic(const std::string& target);

/// The results of an operator of LibTorch, by PyTorch's name of it
/// (torch.ops.aten.conv2d.default), or of those that say the same where it has none.
/// Throws a user error that begins with `what`.
std::vector<c10::IValue> call_operator(const std::string& target, const nlohmann::json& node,
                                       const Values& values, const std::string& what);

}  // namespace rung::pt2
