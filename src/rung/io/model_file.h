#pragma once

#include <filesystem>
#include <optional>

#include "rung/base/error.h"
#include "rung/graph/model.h"

namespace rung {

/// A `.rung` file is one safetensors file: its tensors are the weights that exist, so any
/// safetensors tool reads them, and its `__metadata__` holds the graph as JSON under "rung.graph"
/// and the form's number under "rung.version". See docs/model_file.md.
///
/// Types are not stored but inferred again, so a file cannot disagree with the shape rules.
/// Written whole or not at all; the same model gives the same bytes.
/// Throws a user error where a weight is no Param of the graph or does not fit it.
void save_model(const Model& model, const std::filesystem::path& path);

/// Reads one; weights view the mapped file. Throws a user error that names the file and what is
/// wrong: everything of `load_safetensors`, no graph inside, another version, a node whose op,
/// attribute or inputs are wrong, weights that do not fit.
Model load_model(const std::filesystem::path& path);

/// A model as far as it could be read.
struct PartialModel {
  Model model;                 ///< all nodes before the first wrong one
  std::optional<Error> error;  ///< what stopped it; none: the model is whole
};

/// For looking into a broken file. Throws only where not even a list of nodes can be read.
PartialModel load_model_partly(const std::filesystem::path& path);

}  // namespace rung
