#pragma once

#include <CLI/App.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "rung/graph/model.h"

namespace rung::cli {

/// Where a verb writes its network.
struct OutputOptions {
  std::optional<std::string> file;  ///< .rung or .onnx
  std::optional<int64_t> opset;     ///< of .onnx; missing: the exporter's default
};
/// -o and --opset.
CLI::Option* add_output_options(CLI::App& verb, OutputOptions& options);
void add_opset(CLI::App& verb, OutputOptions& options);

/// Throws a user error where the ending is none of these, or --opset is given for another; before
/// any work, so that a wrong name does not cost it. `option` names where the name was given.
void check_network_output(const OutputOptions& options, const std::string& option);

/// Writes the network in the form that the ending says, whole or not at all, and prints "wrote
/// FILE", `what` behind it, and of ONNX files which sizes stay free.
void save_any_model(const Model& model, const OutputOptions& options, const std::string& what = {});

}  // namespace rung::cli
