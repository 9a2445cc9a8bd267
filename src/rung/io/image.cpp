#include "rung/io/image.h"

#include <png.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <vector>

#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/io/image_codec.h"

namespace rung {
namespace {

constexpr std::string_view kPngMagic = "\x89PNG\r\n\x1a\n";
constexpr std::string_view kJpegMagic = "\xff\xd8\xff";

uint8_t grey_of(const uint8_t* rgb) {
  // Rounded, in integers, so that every machine agrees.
  return static_cast<uint8_t>((299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2] + 500) / 1000);
}

template <typename T>
Tensor exact_planar(const Pixels& pixels) {
  Tensor out(DType::kI32, {pixels.channels, pixels.height, pixels.width});
  const int64_t plane = pixels.height * pixels.width;
  const T* from = pixels.bytes.as<T>().data();
  int32_t* to = out.as<int32_t>().data();
  for (int64_t i = 0; i < plane; ++i) {
    for (int64_t c = 0; c < pixels.channels; ++c) to[c * plane + i] = *from++;
  }
  return out;
}

/// The first bytes of a file.
std::string head_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  char head[32] = {};
  if (!in) fail_user("cannot read {}", path.string());
  in.read(head, sizeof head);
  return {head, static_cast<size_t>(in.gcount())};
}

ImageKind kind_of(std::string_view content, const std::string& file) {
  constexpr size_t kColorType = 25;  // of a PNG's first chunk
  if (content.empty()) fail_user("{} is empty", file);
  if (content.starts_with(kPngMagic)) {
    const bool palette =
        content.size() > kColorType && content[kColorType] == PNG_COLOR_TYPE_PALETTE;
    return palette ? ImageKind::kPalettePng : ImageKind::kPng;
  }
  if (content.starts_with(kJpegMagic)) return ImageKind::kJpeg;
  fail_user("{} is neither PNG nor JPEG", file);
}

Tensor planar(const Pixels& pixels, int64_t channels) {
  Tensor out(DType::kU8, {channels, pixels.height, pixels.width});
  const int64_t plane = pixels.height * pixels.width;
  const uint8_t* from = pixels.bytes.as<uint8_t>().data();
  uint8_t* to = out.as<uint8_t>().data();
  for (int64_t i = 0; i < plane; ++i, from += pixels.channels) {
    for (int64_t c = 0; c < channels; ++c) {
      const bool to_grey = channels == 1 && pixels.channels == 3;
      to[c * plane + i] = to_grey ? grey_of(from) : from[pixels.channels == 1 ? 0 : c];
    }
  }
  return out;
}

}  // namespace

void check_image_size(uint64_t width, uint64_t height, const std::string& file) {
  constexpr uint64_t kMaxPixels = uint64_t{1} << 28;
  if (width == 0 || height == 0) fail_user("{}: an image of {}x{} pixels", file, width, height);
  if (width > kMaxPixels / height) {
    fail_user("{}: an image of {}x{} pixels is larger than rung reads (2^28 pixels)", file, width,
              height);
  }
}

Tensor load_image(const std::filesystem::path& path, const ImageOptions& options) {
  if (options.channels != 0 && options.channels != 1 && options.channels != 3) {
    fail_user("an image can be read with 1 or 3 channels, not {}", options.channels);
  }
  const std::string file = path.string();
  const std::string content = read_file(path);
  const Pixels pixels = kind_of(content, file) == ImageKind::kJpeg
                            ? decode_jpeg(content, file)
                            : decode_png(content, options.exact, file);
  if (options.exact) {
    return pixels.bytes.dtype() == DType::kU16 ? exact_planar<uint16_t>(pixels)
                                               : exact_planar<uint8_t>(pixels);
  }
  return planar(pixels, options.channels == 0 ? pixels.channels : options.channels);
}

ImageKind image_kind(const std::filesystem::path& path) {
  return kind_of(head_of(path), path.string());
}

int image_bits(const std::filesystem::path& path) {
  constexpr size_t kBitDepth = 24;  // of a PNG's first chunk
  const std::string head = head_of(path);
  if (kind_of(head, path.string()) == ImageKind::kJpeg) return 8;
  if (head.size() <= kBitDepth) fail_user("{} is cut short", path.string());
  return static_cast<unsigned char>(head[kBitDepth]);
}

void save_png(const std::filesystem::path& path, const Tensor& image) {
  Shape shape = image.shape();
  if (shape.size() == 2) shape.insert(shape.begin(), 1);
  const bool fits = image.dtype() == DType::kU8 && shape.size() == 3 &&
                    (shape[0] == 1 || shape[0] == 3) && image.elements() > 0;
  if (!fits) {
    fail_user("cannot write {}: a PNG needs u8[1 or 3, height, width], not {}{}", path.string(),
              name(image.dtype()), to_string(image.shape()));
  }
  const int64_t channels = shape[0], plane = shape[1] * shape[2];
  check_image_size(static_cast<uint64_t>(shape[2]), static_cast<uint64_t>(shape[1]), path.string());
  std::vector<uint8_t> interleaved(static_cast<size_t>(image.elements()));
  const auto from = image.as<uint8_t>();
  for (int64_t i = 0; i < plane; ++i) {
    for (int64_t c = 0; c < channels; ++c) {
      interleaved[static_cast<size_t>(i * channels + c)] = from[static_cast<size_t>(c * plane + i)];
    }
  }
  png_image header{};
  header.version = PNG_IMAGE_VERSION;
  header.width = static_cast<png_uint_32>(shape[2]);
  header.height = static_cast<png_uint_32>(shape[1]);
  header.format = channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(header);
  std::string content(size, '\0');
  if (png_image_write_to_memory(&header, content.data(), &size, 0, interleaved.data(), 0,
                                nullptr) == 0) {
    fail_bug("libpng cannot write {}: {}", path.string(), header.message);
  }
  content.resize(size);
  write_file(path, content);
}

}  // namespace rung
