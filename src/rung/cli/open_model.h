#pragma once

#include <filesystem>
#include <string>

#include "rung/blocks/settings.h"
#include "rung/cli/onnx_files.h"
#include "rung/graph/input_roles.h"
#include "rung/graph/rewrite.h"
#include "rung/io/model_file.h"

namespace rung::cli {

struct OpenOptions {
  ZooSettings settings = {};      ///< of a built-in network
  InputShapes shapes = {};        ///< sizes of inputs; of files that leave them free, examples
  InputRoles roles = {};          ///< of inputs' axes; missing: what their readers say
  InputNumbers numbers = {};      ///< inputs of an ONNX file that become constants
  std::string* report = nullptr;  ///< what became of an ONNX file's operators, if anybody asks
};

/// A network as the user names it: `zoo:NAME`, built with these settings, or a file of any kind
/// that holds one, told by its content (io/file_kind.h).
/// Throws a user error: no such network or file, settings for a file (which has none), a file that
/// holds no network (says what it is and what to do), and whatever its reader throws.
Model open_model(const std::string& text, const OpenOptions& options = {});

/// The same, but of a broken .rung file everything up to the failing node.
PartialModel open_model_partly(const std::string& text, const OpenOptions& options = {});

/// Whether the text names a file of weights without a graph, and so no network.
/// Throws a user error where a file cannot be read.
bool holds_weights_alone(const std::string& text);

/// The file alone, as a recipe names it.
Model open_file(const std::filesystem::path& path, const InputShapes& shapes = {});

}  // namespace rung::cli
