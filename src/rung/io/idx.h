#pragma once

#include <filesystem>

#include "rung/tensor/tensor.h"

namespace rung {

/// Reads an IDX file of bytes (the format of MNIST and Fashion-MNIST), plain or gzipped: u8, of the
/// shape that the file declares. Memory grows with what is read, not with what is declared.
/// Throws a user error that names the file: not IDX, cut short, more bytes than declared; an
/// unsupported error for elements other than bytes.
Tensor load_idx(const std::filesystem::path& path);

}  // namespace rung
