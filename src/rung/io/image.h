#pragma once

#include <filesystem>

#include "rung/tensor/tensor.h"

namespace rung {

struct ImageOptions {
  /// Channels wanted: 1 (grey), 3 (red, green, blue), or 0 for what the file holds of these two.
  /// Colour becomes grey as 0.299 R + 0.587 G + 0.114 B; grey becomes colour by repetition.
  int channels = 0;
  /// The numbers as they stand in the file, i32 [C, H, W] with the file's own channels (label
  /// maps): 16 bits are kept, few bits are not scaled, and palette images give the numbers of their
  /// colours.
  bool exact = false;
};

enum class ImageKind { kPng, kPalettePng, kJpeg };
/// Told by content. Throws a user error that names the file: unreadable, empty, neither of them.
ImageKind image_kind(const std::filesystem::path& path);
/// How many bits each number of the file has: 1 to 16; those of a JPEG have 8. Throws as
/// image_kind.
int image_bits(const std::filesystem::path& path);

/// Reads a PNG or JPEG file, told apart by content, as u8 [C, H, W] (unless `exact`). Sixteen bits
/// are scaled to eight, alpha is dropped, palettes are looked up, interlacing is undone; gamma,
/// colour profiles and EXIF rotation are passed over, as most training code does. Throws a user
/// error that names the file: not an image, cut short, corrupt, or more than 2^28 pixels (refused
/// before anything is allocated); an unsupported error for CMYK.
Tensor load_image(const std::filesystem::path& path, const ImageOptions& options = {});

/// Writes a u8 tensor [C, H, W] or [H, W], C = 1 or 3, as PNG; whole or not at all.
/// Throws a user error for other types and shapes.
void save_png(const std::filesystem::path& path, const Tensor& image);

}  // namespace rung
