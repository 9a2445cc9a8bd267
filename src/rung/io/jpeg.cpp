#include <csetjmp>
#include <cstdio>
#include <cstring>

#include <jpeglib.h>

#include <jerror.h>

#include "rung/base/error.h"
#include "rung/io/image_codec.h"

namespace rung {
namespace {

// As in png.cpp: owned by a frame that no longjmp crosses.
struct JpegReader {
  jpeg_decompress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg_progress_mgr progress{};
  std::jmp_buf back{};
  char message[JMSG_LENGTH_MAX] = {};

  JpegReader() = default;
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;
  ~JpegReader() { jpeg_destroy_decompress(&jpeg); }
};

[[noreturn]] void leave(j_common_ptr jpeg) {
  auto* reader = static_cast<JpegReader*>(jpeg->client_data);
  jpeg->err->format_message(jpeg, reader->message);
  std::longjmp(reader->back, 1);
}

// libjpeg fills what is missing with grey and only warns; half a picture is no training sample.
void on_message(j_common_ptr jpeg, int level) {
  const int code = jpeg->err->msg_code;
  if (level < 0 &&
      (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER || code == JWRN_HUFF_BAD_CODE)) {
    leave(jpeg);
  }
}
void on_output(j_common_ptr) {}

// A few kilobytes can ask for thousands of passes over a large image.
void on_progress(j_common_ptr jpeg) {
  constexpr int kMaxScans = 500;
  auto* reader = static_cast<JpegReader*>(jpeg->client_data);
  if (reader->jpeg.input_scan_number <= kMaxScans) return;
  std::strcpy(reader->message, "more than 500 scans");
  std::longjmp(reader->back, 1);
}

bool read_header(JpegReader& reader, const unsigned char* data, unsigned long bytes) {
  if (setjmp(reader.back) != 0) return false;
  jpeg_create_decompress(&reader.jpeg);
  reader.jpeg.client_data = &reader;
  reader.jpeg.progress = &reader.progress;
  jpeg_mem_src(&reader.jpeg, data, bytes);
  jpeg_read_header(&reader.jpeg, TRUE);
  return true;
}

bool start(JpegReader& reader) {
  if (setjmp(reader.back) != 0) return false;
  reader.jpeg.out_color_space =
      reader.jpeg.jpeg_color_space == JCS_GRAYSCALE ? JCS_GRAYSCALE : JCS_RGB;
  // The accurate integer transform: the same pixels with and without SIMD.
  reader.jpeg.dct_method = JDCT_ISLOW;
  jpeg_start_decompress(&reader.jpeg);
  return true;
}

bool read_rows(JpegReader& reader, unsigned char* to, size_t row_bytes) {
  if (setjmp(reader.back) != 0) return false;
  while (reader.jpeg.output_scanline < reader.jpeg.output_height) {
    JSAMPROW row = to + reader.jpeg.output_scanline * row_bytes;
    jpeg_read_scanlines(&reader.jpeg, &row, 1);
  }
  jpeg_finish_decompress(&reader.jpeg);
  return true;
}

}  // namespace

Pixels decode_jpeg(std::string_view content, const std::string& file) {
  JpegReader reader;
  reader.jpeg.err = jpeg_std_error(&reader.errors);
  reader.errors.error_exit = leave;
  reader.errors.emit_message = on_message;
  reader.errors.output_message = on_output;
  reader.progress.progress_monitor = on_progress;
  reader.jpeg.client_data = &reader;
  const auto fail = [&] { fail_user("{} is a broken JPEG file: {}", file, reader.message); };

  const auto* data = reinterpret_cast<const unsigned char*>(content.data());
  if (!read_header(reader, data, content.size())) fail();
  check_image_size(reader.jpeg.image_width, reader.jpeg.image_height, file);
  // A block of 64 pixels takes at least a bit.
  const uint64_t pixel_count = uint64_t{reader.jpeg.image_width} * reader.jpeg.image_height;
  if (pixel_count > content.size() * 1024) {
    fail_user("{} is a broken JPEG file: its {} bytes cannot hold {}x{} pixels", file,
              content.size(), reader.jpeg.image_width, reader.jpeg.image_height);
  }
  if (reader.jpeg.num_components == 4) {
    fail_unsupported("{} is a CMYK JPEG; convert it to RGB", file);
  }
  if (!start(reader)) fail();
  Pixels pixels{.height = reader.jpeg.output_height,
                .width = reader.jpeg.output_width,
                .channels = reader.jpeg.output_components};
  pixels.bytes = Tensor(DType::kU8, {pixels.height, pixels.width, pixels.channels});
  const auto row_bytes = static_cast<size_t>(pixels.width * pixels.channels);
  if (!read_rows(reader, pixels.bytes.as<uint8_t>().data(), row_bytes)) fail();
  return pixels;
}

}  // namespace rung
