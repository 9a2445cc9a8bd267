#pragma once

#include <filesystem>

#include "rung/tensor/tensor.h"

namespace rung {

/// Reads a NumPy .npy file (versions 1 to 3), of either byte order, in C or Fortran order; the
/// tensor is row-major in any case. Throws a user error that names the file: not .npy, cut short,
/// a broken header, an absurd shape; an unsupported error for types that rung lacks.
Tensor load_npy(const std::filesystem::path& path);

/// Writes one (version 1, C order), whole or not at all. Throws an unsupported error for bf16,
/// which NumPy lacks.
void save_npy(const std::filesystem::path& path, const Tensor& tensor);

}  // namespace rung
