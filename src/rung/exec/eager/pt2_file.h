#pragma once

#include "rung/exec/eager/torchscript_file.h"

namespace rung {

/// Reads a network that torch.export.save wrote (.pt2, PyTorch 2.2 and later; of 2.1 those that
/// have input_specs). Its operators are run by LibTorch and followed as `trace` follows a function;
/// nodes are named by the modules that the file says they belong to, weights by their state dict's
/// keys, inputs and outputs as the program calls them. A network that was exported in training is
/// read in evaluation, and can be trained.
///
/// Sizes that the file leaves free stay free where a graph can follow them; batches may always have
/// another size where the program takes it, all else is held at the size of the export. Example
/// sizes are the file's own; `options.shapes` replaces them, `options.numbers` and `options.part`
/// are for TorchScript alone.
/// Throws a user error that names the file, and the node or weight, for whatever is broken, and for
/// an operator that this LibTorch lacks; an unsupported error for branches and other graphs within
/// graphs.
Model load_pt2(const std::filesystem::path& path, const TorchScriptOptions& options = {});

}  // namespace rung
