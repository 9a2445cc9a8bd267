#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "rung/tensor/weights.h"

namespace rung {

/// What a safetensors file holds: named tensors, and text about them.
struct Safetensors {
  Weights tensors;
  std::map<std::string, std::string, std::less<>> metadata;
};

/// Opens a safetensors file. The tensors view the mapped file: nothing is copied (but for tensors
/// that the file stores unaligned), and pages are read when somebody looks. Writing to them leaves
/// the file as it is.
///
/// The whole header is checked first. Throws a user error that names the file and the tensor:
/// not safetensors, cut short, invalid JSON, duplicate names, offsets that overlap, leave holes or
/// lie outside, bytes that differ from what dtype and shape need. Throws an unsupported error for
/// dtypes that rung lacks.
Safetensors load_safetensors(const std::filesystem::path& path);

/// Writes one, whole or not at all (see write_file). Same tensors and text, same bytes: tensors lie
/// in the order of element size (largest first, so that all are aligned), then of names.
/// Throws a user error where a name is reserved ("__metadata__") or not UTF-8.
void save_safetensors(const std::filesystem::path& path, const Safetensors& content);

}  // namespace rung
