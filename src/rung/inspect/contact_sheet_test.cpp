#include "rung/inspect/contact_sheet.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "rung/base/error.h"

namespace rung {
namespace {

Tensor filled(Shape shape, uint8_t value) {
  Tensor out(DType::kU8, std::move(shape));
  std::ranges::fill(out.as<uint8_t>(), value);
  return out;
}

uint8_t pixel(const Tensor& sheet, int64_t channel, int64_t y, int64_t x) {
  const Shape& shape = sheet.shape();
  return sheet.as<uint8_t>()[static_cast<size_t>((channel * shape[1] + y) * shape[2] + x)];
}

TEST(ContactSheet, PutsImagesOfAnySizeInCells) {
  Tensor colour = filled({3, 2, 3}, 10);
  std::fill_n(colour.as<uint8_t>().begin() + 6, 6, uint8_t{20});  // green
  const std::vector<std::vector<Tensor>> rows = {{filled({1, 4, 4}, 100), colour},
                                                 {Tensor(), filled({5, 2}, 200)}};
  const Tensor sheet = contact_sheet(rows, 1);
  EXPECT_EQ(sheet.shape(), (Shape{3, 1 + 4 + 1 + 5 + 1, 1 + 4 + 1 + 3 + 1}));
  EXPECT_EQ(pixel(sheet, 0, 1, 1), 100);
  EXPECT_EQ(pixel(sheet, 2, 4, 4), 100);
  EXPECT_EQ(pixel(sheet, 0, 1, 6), 10);
  EXPECT_EQ(pixel(sheet, 1, 2, 8), 20);
  EXPECT_EQ(pixel(sheet, 1, 3, 6), 229) << "below a smaller image";
  EXPECT_EQ(pixel(sheet, 0, 6, 1), 229) << "an empty cell";
  EXPECT_EQ(pixel(sheet, 0, 10, 7), 200);
}

TEST(ContactSheet, RefusesWhatIsNoImage) {
  const auto message = [](const std::vector<std::vector<Tensor>>& rows) -> std::string {
    try {
      contact_sheet(rows);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUser);
      return error.what();
    }
    return "no error";
  };
  EXPECT_EQ(message({{Tensor(DType::kF32, {1, 2, 2})}}),
            "a contact sheet shows u8 images [C, H, W] or [H, W] with 1 or 3 channels, not "
            "f32[1, 2, 2]");
  EXPECT_NE(message({{filled({2, 2, 2}, 0)}}).find("u8[2, 2, 2]"), std::string::npos);
  EXPECT_EQ(message({}), "a contact sheet needs at least one image");
}

}  // namespace
}  // namespace rung
