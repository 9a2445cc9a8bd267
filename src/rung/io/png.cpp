#include <png.h>

#include <csetjmp>
#include <cstring>
#include <vector>

#include "rung/base/error.h"
#include "rung/io/image_codec.h"

namespace rung {
namespace {

// All that libpng needs, owned by a C++ frame that never sees a longjmp. The functions that libpng
// may leave (they hold the setjmp) have only plain locals.
struct PngReader {
  png_structp png = nullptr;
  png_infop info = nullptr;
  const char* at = nullptr;
  size_t left = 0;
  char message[200] = {};

  PngReader() = default;
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;
  ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }
};

void on_error(png_structp png, png_const_charp message) {
  auto* reader = static_cast<PngReader*>(png_get_error_ptr(png));
  std::strncpy(reader->message, message, sizeof reader->message - 1);
  png_longjmp(png, 1);
}
void on_warning(png_structp, png_const_charp) {}

void on_read(png_structp png, png_bytep to, size_t bytes) {
  auto* reader = static_cast<PngReader*>(png_get_io_ptr(png));
  if (bytes > reader->left) png_error(png, "cut short");
  std::memcpy(to, reader->at, bytes);
  reader->at += bytes;
  reader->left -= bytes;
}

bool read_header(PngReader& reader) {
  if (setjmp(png_jmpbuf(reader.png)) != 0) return false;
  png_set_read_fn(reader.png, &reader, on_read);
  // Our own limit speaks of pixels; the library's default of a million a side stays below it.
  png_set_user_limits(reader.png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  png_read_info(reader.png, reader.info);
  return true;
}

// Grey or RGB without alpha: everything to 8 bits, or (exact) the numbers as they are.
bool set_transforms(PngReader& reader, bool exact) {
  if (setjmp(png_jmpbuf(reader.png)) != 0) return false;
  const int color = png_get_color_type(reader.png, reader.info);
  const int depth = png_get_bit_depth(reader.png, reader.info);
  if (exact) {
    if (depth < 8) png_set_packing(reader.png);
    if (depth == 16) png_set_swap(reader.png);
  } else if (color == PNG_COLOR_TYPE_PALETTE) {
    png_set_palette_to_rgb(reader.png);
  } else if (color == PNG_COLOR_TYPE_GRAY && depth < 8) {
    png_set_expand_gray_1_2_4_to_8(reader.png);
  }
  if (depth == 16 && !exact) png_set_scale_16(reader.png);
  png_set_strip_alpha(reader.png);
  png_set_interlace_handling(reader.png);
  png_read_update_info(reader.png, reader.info);
  return true;
}

bool read_rows(PngReader& reader, png_bytepp rows) {
  if (setjmp(png_jmpbuf(reader.png)) != 0) return false;
  png_read_image(reader.png, rows);
  png_read_end(reader.png, nullptr);
  return true;
}

}  // namespace

Pixels decode_png(std::string_view content, bool exact, const std::string& file) {
  PngReader reader;
  reader.at = content.data();
  reader.left = content.size();
  const auto fail = [&] { fail_user("{} is a broken PNG file: {}", file, reader.message); };
  reader.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader, on_error, on_warning);
  if (reader.png != nullptr) reader.info = png_create_info_struct(reader.png);
  if (reader.info == nullptr) throw std::bad_alloc();

  if (!read_header(reader)) fail();
  const uint64_t width = png_get_image_width(reader.png, reader.info);
  const uint64_t height = png_get_image_height(reader.png, reader.info);
  check_image_size(width, height, file);
  // Deflate shrinks at most 1032 to 1: a small file that promises more is corrupt, and finding
  // that out should not cost a gigabyte.
  const uint64_t stored = height * png_get_rowbytes(reader.png, reader.info);
  if (stored > (content.size() + 64) * 1032) {
    fail_user("{} is a broken PNG file: its {} bytes cannot hold {}x{} pixels", file,
              content.size(), width, height);
  }
  if (!set_transforms(reader, exact)) fail();
  const size_t row_bytes = png_get_rowbytes(reader.png, reader.info);
  const uint64_t channels = png_get_channels(reader.png, reader.info);
  const size_t bytes = png_get_bit_depth(reader.png, reader.info) / 8;
  if (row_bytes != width * channels * bytes || (channels != 1 && channels != 3)) {
    fail_bug("{}: libpng gives {} channels in rows of {} bytes", file, channels, row_bytes);
  }
  Pixels pixels{.height = static_cast<int64_t>(height),
                .width = static_cast<int64_t>(width),
                .channels = static_cast<int64_t>(channels)};
  pixels.bytes =
      Tensor(bytes == 2 ? DType::kU16 : DType::kU8, {pixels.height, pixels.width, pixels.channels});
  std::vector<png_bytep> rows;
  for (size_t y = 0; y < height; ++y) {
    rows.push_back(reinterpret_cast<png_bytep>(pixels.bytes.data()) + y * row_bytes);
  }
  if (!read_rows(reader, rows.data())) fail();
  return pixels;
}

}  // namespace rung
