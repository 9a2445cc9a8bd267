#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "rung/tensor/tensor.h"

namespace rung {

/// Pixels as the decoders give them: rows of interleaved bytes.
struct Pixels {
  int64_t height = 0;
  int64_t width = 0;
  int64_t channels = 0;  ///< 1 or 3
  Tensor bytes;          ///< u8 [height, width, channels]; of exact 16 bits u16
};

/// Refuses absurd sizes. Throws a user error.
void check_image_size(uint64_t width, uint64_t height, const std::string& file);

/// The decoders call C libraries that leave by longjmp, so each keeps that library's calls in
/// functions without C++ objects. `file` names the source in messages.
Pixels decode_png(std::string_view content, bool exact, const std::string& file);
Pixels decode_jpeg(std::string_view content, const std::string& file);

}  // namespace rung
