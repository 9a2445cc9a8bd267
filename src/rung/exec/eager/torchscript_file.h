#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "rung/graph/model.h"

namespace rung {

struct TorchScriptOptions {
  /// Example sizes of inputs by name, where the file does not say them.
  std::map<std::string, Shape, std::less<>> shapes = {};
  /// Arguments that become constants, by name: what the network is asked to do (a rate, a flag, a
  /// mask) rather than what it is given to work on.
  std::map<std::string, Tensor, std::less<>> numbers = {};
  /// The part of the network to read, by its path ("encoder.layer1"); empty: all of it.
  std::string part = {};
};

/// Reads a network that torch.jit.trace or torch.jit.script made and torch.jit.save wrote (.pt).
/// It is followed as `trace` follows a module: in evaluation, at the examples' sizes and at others,
/// with the names of modules and weights that the file has. Inputs are called as the arguments of
/// `forward`, outputs as the keys of a dictionary or the fields of a named tuple; tuples and lists
/// are taken apart ("output0", "output1").
///
/// TorchScript does not say the sizes of its inputs. For one image, sound or volume that goes into
/// a convolution the first of a few usual sizes that fits is taken; else an example must be given.
/// Branches on sizes are followed as `trace` follows them, and what branches on values is refused.
///
/// Following a network runs it: its code is bounded by LibTorch's TorchScript interpreter, which
/// has no Python, but operators that read and write files (aten::from_file, aten::save). Neither it
/// nor LibTorch's reader is made for files from an enemy. Throws a user error that names the file:
/// none, cut short, or weights alone; an example that the network refuses. An unsupported error for
/// networks that change themselves as they run.
Model load_torchscript(const std::filesystem::path& path, const TorchScriptOptions& options = {});

}  // namespace rung
