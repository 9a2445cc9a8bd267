#pragma once

#include <string_view>

#include "rung/ops/onnx.h"

namespace rung {

/// The outputs of an ONNX node whose inputs are all known: sizes that a network works out before it
/// reshapes. Missing inputs are undefined tensors. Nothing where `fold` does not know the operator;
/// throws a user error where the inputs do not fit it.
std::optional<std::vector<Tensor>> fold_onnx(std::string_view name,
                                             const ops::OnnxAttributes& attributes,
                                             const std::vector<Tensor>& in, size_t outputs);

}  // namespace rung
