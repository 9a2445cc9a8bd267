#include "rung/io/image.h"

#include <gtest/gtest.h>

#include <cstdio>

#include <jpeglib.h>
#include <png.h>
#include <zlib.h>

#include <cmath>
#include <fstream>

#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/base/temp_folder.h"

namespace rung {
namespace {

// A PNG of any form, as other programs write them.
struct PngForm {
  int color = PNG_COLOR_TYPE_RGB;
  int depth = 8;
  bool interlaced = false;
  std::vector<png_color> palette = {};
};

std::string png_of(const PngForm& form, png_uint_32 width, std::vector<std::string> rows) {
  std::string out;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &out,
      [](png_structp p, png_bytep data, size_t bytes) {
        static_cast<std::string*>(png_get_io_ptr(p))->append(reinterpret_cast<char*>(data), bytes);
      },
      nullptr);
  png_set_IHDR(png, info, width, static_cast<png_uint_32>(rows.size()), form.depth, form.color,
               form.interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (!form.palette.empty()) {
    png_set_PLTE(png, info, form.palette.data(), static_cast<int>(form.palette.size()));
  }
  std::vector<png_bytep> pointers;
  for (auto& row : rows) pointers.push_back(reinterpret_cast<png_bytep>(row.data()));
  png_set_rows(png, info, pointers.data());
  png_write_png(png, info, PNG_TRANSFORM_IDENTITY, nullptr);
  png_destroy_write_struct(&png, &info);
  return out;
}

std::string jpeg_of(int width, int height, int components, uint8_t value) {
  jpeg_compress_struct jpeg;
  jpeg_error_mgr errors;
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* memory = nullptr;
  unsigned long bytes = 0;
  jpeg_mem_dest(&jpeg, &memory, &bytes);
  jpeg.image_width = static_cast<JDIMENSION>(width);
  jpeg.image_height = static_cast<JDIMENSION>(height);
  jpeg.input_components = components;
  jpeg.in_color_space = components == 1 ? JCS_GRAYSCALE : components == 3 ? JCS_RGB : JCS_CMYK;
  jpeg_set_defaults(&jpeg);
  jpeg_start_compress(&jpeg, TRUE);
  std::vector<unsigned char> row(static_cast<size_t>(width * components), value);
  JSAMPROW pointer = row.data();
  for (int y = 0; y < height; ++y) jpeg_write_scanlines(&jpeg, &pointer, 1);
  jpeg_finish_compress(&jpeg);
  std::string out(reinterpret_cast<char*>(memory), bytes);
  jpeg_destroy_compress(&jpeg);
  free(memory);
  return out;
}

Tensor read(const std::string& content, const ImageOptions& options = {}) {
  const TempFolder folder;
  write_file(folder / "image", content);
  return load_image(folder / "image", options);
}

std::string error_of(const std::string& content) {
  try {
    read(content);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

std::vector<int> values(const Tensor& tensor) {
  std::vector<int> out;
  for (int64_t i = 0; i < tensor.elements(); ++i) out.push_back(static_cast<int>(tensor.at(i)));
  return out;
}

TEST(Image, WritesWhatItReads) {
  const TempFolder folder;
  for (const int64_t channels : {1, 3}) {
    Tensor image(DType::kU8, {channels, 3, 5});
    for (int64_t i = 0; i < image.elements(); ++i) image.set(i, static_cast<double>(i * 5 % 256));
    save_png(folder / "a.png", image);
    EXPECT_TRUE(load_image(folder / "a.png").identical(image));
  }
  EXPECT_THROW(save_png(folder / "b.png", Tensor::f32({1, 2, 2}, {0, 0, 0, 0})), Error);
  EXPECT_THROW(save_png(folder / "b.png", Tensor(DType::kU8, {2, 2, 2})), Error);
  EXPECT_THROW(save_png(folder / "b.png", Tensor(DType::kU8, {1, 0, 2})), Error);
  EXPECT_FALSE(std::filesystem::exists(folder / "b.png"));
}

TEST(Image, ConvertsChannels) {
  const std::string rgb = png_of({}, 2, {std::string("\xff\x00\x00\x00\xff\x00", 6)});
  EXPECT_EQ(values(read(rgb)), (std::vector<int>{255, 0, 0, 255, 0, 0}));
  EXPECT_EQ(values(read(rgb, {.channels = 1})), (std::vector<int>{76, 150}));
  const std::string grey = png_of({.color = PNG_COLOR_TYPE_GRAY}, 2, {"\x07\x09"});
  EXPECT_EQ(values(read(grey, {.channels = 3})), (std::vector<int>{7, 9, 7, 9, 7, 9}));
  EXPECT_THROW(read(grey, {.channels = 4}), Error);
}

TEST(Image, ReadsEveryFormOfPng) {
  const std::string rgba =
      png_of({.color = PNG_COLOR_TYPE_RGB_ALPHA}, 1, {std::string("\x01\x02\x03\x00", 4)});
  EXPECT_EQ(values(read(rgba)), (std::vector<int>{1, 2, 3})) << "alpha is dropped, not blended";
  const std::string deep =
      png_of({.color = PNG_COLOR_TYPE_GRAY, .depth = 16}, 2, {std::string("\xff\xff\x80\x00", 4)});
  EXPECT_EQ(values(read(deep)), (std::vector<int>{255, 128}));
  const std::string bits =
      png_of({.color = PNG_COLOR_TYPE_GRAY, .depth = 1}, 3, {std::string("\xa0", 1)});
  EXPECT_EQ(values(read(bits)), (std::vector<int>{255, 0, 255}));
  std::vector<std::string> rows;
  std::vector<int> expected;
  for (int y = 0; y < 9; ++y) {
    rows.emplace_back();
    for (int x = 0; x < 9; ++x) rows.back() += static_cast<char>(y * 9 + x);
    for (int x = 0; x < 9; ++x) expected.push_back(y * 9 + x);
  }
  EXPECT_EQ(values(read(png_of({.color = PNG_COLOR_TYPE_GRAY, .interlaced = true}, 9, rows))),
            expected);
}

TEST(Image, LooksUpPalettesOrKeepsTheirNumbers) {
  const std::string palette =
      png_of({.color = PNG_COLOR_TYPE_PALETTE, .depth = 4, .palette = {{1, 2, 3}, {40, 50, 60}}}, 2,
             {"\x10"});
  EXPECT_EQ(values(read(palette)), (std::vector<int>{40, 1, 50, 2, 60, 3}));
  EXPECT_EQ(values(read(palette, {.channels = 3, .exact = true})), (std::vector<int>{1, 0}));
}

TEST(Image, KeepsNumbersExactly) {
  const std::string deep =
      png_of({.color = PNG_COLOR_TYPE_GRAY, .depth = 16}, 2, {std::string("\x01\x02\x00\x03", 4)});
  EXPECT_EQ(values(read(deep, {.exact = true})), (std::vector<int>{258, 3}));
  const std::string bits =
      png_of({.color = PNG_COLOR_TYPE_GRAY, .depth = 2}, 4, {std::string("\x1b", 1)});
  EXPECT_EQ(values(read(bits, {.exact = true})), (std::vector<int>{0, 1, 2, 3}));
  EXPECT_EQ(read(bits, {.exact = true}).dtype(), DType::kI32);
}

TEST(Image, ReadsJpeg) {
  for (const int components : {1, 3}) {
    const Tensor image = read(jpeg_of(13, 7, components, 90));
    EXPECT_EQ(image.shape(), (Shape{components, 7, 13}));
    for (const int value : values(image)) EXPECT_NEAR(value, 90, 1);
  }
  EXPECT_NE(error_of(jpeg_of(8, 8, 4, 90)).find("CMYK"), std::string::npos);
}

TEST(Image, RefusesCorruptFiles) {
  const std::string png = png_of({.color = PNG_COLOR_TYPE_GRAY}, 64,
                                 std::vector<std::string>(64, std::string(64, 'x')));
  const std::string jpeg = jpeg_of(64, 64, 3, 7);
  EXPECT_NE(error_of("").find("is empty"), std::string::npos);
  EXPECT_NE(error_of("GIF89a").find("neither PNG nor JPEG"), std::string::npos);
  for (const std::string& whole : {png, jpeg}) {
    for (const size_t length : {9u, 30u, 60u, 100u}) {
      EXPECT_NE(error_of(whole.substr(0, length)).find("is a broken"), std::string::npos) << length;
    }
    EXPECT_NE(error_of(whole.substr(0, whole.size() - 8)).find("is a broken"), std::string::npos);
  }
  std::string flipped = png;
  flipped[png.size() - 20] ^= 0x10;
  EXPECT_NE(error_of(flipped).find("is a broken PNG file"), std::string::npos);
}

TEST(Image, RefusesAbsurdSizesBeforeAllocating) {
  // Rows are only written for the first lines, so the file stays small.
  std::string png = png_of({.color = PNG_COLOR_TYPE_GRAY}, 1, {"x"});
  const auto set_size = [&](uint32_t width, uint32_t height) {
    for (size_t i = 0; i < 4; ++i) {
      png[16 + i] = static_cast<char>(width >> (24 - 8 * i));
      png[20 + i] = static_cast<char>(height >> (24 - 8 * i));
    }
    const auto crc =
        static_cast<uint32_t>(::crc32(0, reinterpret_cast<const Bytef*>(png.data() + 12), 17));
    for (size_t i = 0; i < 4; ++i) png[29 + i] = static_cast<char>(crc >> (24 - 8 * i));
  };
  set_size(0x7fffffff, 0x7fffffff);
  EXPECT_NE(error_of(png).find("is larger than rung reads"), std::string::npos);
  set_size(16384, 16384);
  EXPECT_NE(error_of(png).find("bytes cannot hold 16384x16384 pixels"), std::string::npos);
}

}  // namespace
}  // namespace rung
