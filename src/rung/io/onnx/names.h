#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rung {

/// A name of an ONNX file with nothing that taps and skips give a meaning: "input:0" is input_0.
std::string plain_name(std::string_view name);

/// The layers that nodes stand for, as PyTorch's modules are called, given each node's name and
/// operator. A module that is one node takes the module's name, what a block calls itself is named
/// below it:
///   /layer1/layer1.0/conv1/Conv -> layer1.0.conv1     /layer1/layer1.0/Add -> layer1.0.add
/// Empty for a node without a name.
std::vector<std::string> layer_names(const std::vector<std::pair<std::string, std::string>>& nodes);

/// In small letters.
std::string in_small_letters(std::string_view text);

/// Whether an exporter made the name up: "onnx::Conv_123", "493".
bool is_made_up(std::string_view name);

}  // namespace rung
