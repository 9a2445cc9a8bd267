#pragma once

#include <filesystem>

#include "rung/graph/model.h"
#include "rung/io/load_weights.h"
#include "rung/io/pytorch/pth.h"

namespace rung {

/// Reads named tensors from a file that is told by what is in it, not by its name: safetensors,
/// .rung (its weights), or what `torch.save` writes (.pth, .pt, .th, .bin; see load_pth).
/// `FILE:KEY` names the dict to take of a PyTorch checkpoint that holds several.
///
/// Throws a user error of `load_safetensors` or `load_pth`, and one that says what the file is
/// where it is a whole network in another form, or none of these.
StateDict load_state_dict(const std::filesystem::path& path);

/// Writes named tensors as the extension says: .safetensors, or .pth, .pt, .th or .bin as
/// `torch.save` writes a state dict. Throws a user error for other extensions.
void save_state_dict(const std::filesystem::path& path, const Weights& tensors);

/// The state dict of a network as PyTorch has it, for `load_state_dict(strict=True)` there: every
/// Param under its name, and beside each `running_mean` a `num_batches_tracked`, an i64 scalar of
/// zero, which rung does not need. Constants of the graph are no weights and left out.
/// Throws a user error where a weight was not drawn or loaded yet (see draw_missing).
Weights state_dict(const Model& model);

/// Gives a model the weights of a file, under the names that the rules in `rename_table` (a file,
/// see rename_table.h; empty: none) make of them. Strict: throws a user error with the report where
/// not everything matches.
WeightReport load_weights_file(Model& model, const std::filesystem::path& file,
                               const std::filesystem::path& rename_table = {},
                               LoadWeightsOptions options = {});

}  // namespace rung
