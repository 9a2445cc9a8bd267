#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rung {

/// A name of an ONNX file with nothing that taps and skips give a meaning: "input:0" is input_0.
std::string plain_name(std::string_view name);

/// The name of an input or output of a network: the file's own, or a plain one where that is no
/// text in UTF-8 or holds control characters.
std::string kept_name(const std::string& name);

/// What a file says of where a node comes from.
struct NodeOrigin {
  std::string name;  ///< with the path of its module, as PyTorch's TorchScript exporter writes it
  std::string op;
  std::string called = {};  ///< what names call the operator, where not by its own
  /// Paths of the modules around it, the outermost first (layer1, layer1.0, layer1.0.conv1), as
  /// PyTorch's exporter of torch.export's programs writes them.
  std::optional<std::vector<std::string>> modules = {};
  /// The part of its module whose weight it reads, though that part is not called: attention's
  /// out_proj.
  std::string part = {};
};

/// The path of the module that a node belongs to; empty: the whole network, or none is known.
std::string module_of(const NodeOrigin& node);

/// The modules that an entry `pkg.torch.onnx.name_scopes` of a node's metadata lists:
///   ['', 'layer1', 'layer1.0', 'add_15'] -> layer1, layer1.0
/// Nothing where it lists none, not even the whole network ('').
std::optional<std::vector<std::string>> modules_of_scopes(std::string_view scopes);

/// The layers that nodes stand for, in the order in which they run, as PyTorch's modules are
/// called. A module that is one node takes the module's name, what a block computes itself is named
/// below it and numbered, and a module's second call is module_1, whichever exporter wrote the
/// file:
///   /layer1/layer1.0/conv1/Conv -> layer1.0.conv1     /layer1/layer1.0/Add -> layer1.0.add
/// Empty for a node without a name.
std::vector<std::string> layer_names(const std::vector<NodeOrigin>& nodes);

/// In small letters.
std::string in_small_letters(std::string_view text);

/// Whether an exporter made the name up: "onnx::Conv_123", "493", "val_12".
bool is_made_up(std::string_view name);

}  // namespace rung
