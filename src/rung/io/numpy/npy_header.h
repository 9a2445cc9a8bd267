#pragma once

#include <string>
#include <string_view>

#include "rung/tensor/tensor_type.h"

namespace rung {

/// The dictionary at the head of a .npy file: {'descr': '<f4', 'fortran_order': False,
/// 'shape': (2, 3), }.
struct NpyHeader {
  std::string descr;
  bool fortran_order = false;
  Shape shape;
};

/// Reads that Python literal, and nothing else of Python. Throws a user error that names the file,
/// and an unsupported one for structured types (a list as descr).
NpyHeader parse_npy_header(std::string_view text, const std::string& file);

/// The literal, padded with spaces so that the data behind it lies aligned to 64 bytes.
std::string npy_header_text(const NpyHeader& header);

}  // namespace rung
