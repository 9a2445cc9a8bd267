#pragma once

#include "rung/exec/onednn/program.h"

namespace rung::onednn {

/// Nodes that no input of the network reaches are computed now, and become weights of their own
/// name. Those that have no kernel stay. Exact: the kernels are the program's own, in f32.
Model fold_constants(const Model& model, const CompileOptions& options);

}  // namespace rung::onednn
