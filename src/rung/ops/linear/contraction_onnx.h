#pragma once

#include <optional>
#include <string>

#include "rung/ops/onnx.h"

namespace rung::ops {

/// Einsum of two tensors as a matrix product, which holds at other sizes too: "bij,bkj->bik" and
/// the like. `equation` has no spaces. Nothing where it is another one: dots, diagonals, letters
/// that are summed in one of the tensors, more than one row, column or summed letter.
std::optional<Ref> contraction(OnnxCall& call, const std::string& equation);

}  // namespace rung::ops
