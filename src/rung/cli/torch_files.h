#pragma once

#include <filesystem>

#include "rung/exec/onednn/program.h"
#include "rung/graph/rewrite.h"
#include "rung/io/file_kind.h"

namespace rung::cli {

/// A TorchScript or .pt2 file as a network. `rung-torch` reads it. `rung`, which has no LibTorch,
/// becomes rung-torch with the arguments that it was started with; so nothing may be printed or
/// written before a verb's networks are open.
/// Throws what the reader throws, and an unsupported error where rung-torch is not installed.
Model load_torch_file(const std::filesystem::path& path, FileKind kind, const InputShapes& shapes);

/// Runs ops that have no kernel of oneDNN's or ours; `rung` has none.
Fallback torch_fallback();
/// `rung` becomes rung-torch with the arguments that it was started with, where that is installed;
/// returns where it is not, or is already running.
void go_on_with_torch();

}  // namespace rung::cli
