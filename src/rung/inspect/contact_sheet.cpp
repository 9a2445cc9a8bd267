#include "rung/inspect/contact_sheet.h"

#include <algorithm>

#include "rung/base/error.h"

namespace rung {
namespace {

constexpr uint8_t kBackground = 229;

// [C, H, W] of an image that may be [H, W].
Shape picture_shape(const Tensor& image) {
  Shape shape = image.shape();
  if (shape.size() == 2) shape.insert(shape.begin(), 1);
  if (image.dtype() != DType::kU8 || shape.size() != 3 || (shape[0] != 1 && shape[0] != 3)) {
    fail_user("a contact sheet shows u8 images [C, H, W] or [H, W] with 1 or 3 channels, not {}{}",
              name(image.dtype()), to_string(image.shape()));
  }
  return shape;
}

// Where each cell begins, and, last, the whole extent.
std::vector<int64_t> offsets(const std::vector<int64_t>& sizes, int64_t gap) {
  std::vector<int64_t> out = {gap};
  for (const int64_t size : sizes) out.push_back(out.back() + size + gap);
  return out;
}

void paste(const Tensor& image, Tensor& sheet, int64_t top, int64_t left) {
  const Shape shape = picture_shape(image);
  const int64_t height = sheet.shape()[1], width = sheet.shape()[2];
  const auto from = image.as<uint8_t>();
  const auto to = sheet.as<uint8_t>();
  for (int64_t channel = 0; channel < 3; ++channel) {
    const int64_t plane = std::min(channel, shape[0] - 1) * shape[1] * shape[2];
    for (int64_t y = 0; y < shape[1]; ++y) {
      const auto row =
          from.subspan(static_cast<size_t>(plane + y * shape[2]), static_cast<size_t>(shape[2]));
      const int64_t start = (channel * height + top + y) * width + left;
      std::copy(row.begin(), row.end(), to.begin() + start);
    }
  }
}

}  // namespace

Tensor contact_sheet(std::span<const std::vector<Tensor>> rows, int64_t gap) {
  std::vector<int64_t> heights, widths;
  for (const auto& row : rows) {
    heights.push_back(0);
    widths.resize(std::max(widths.size(), row.size()), 0);
    for (size_t column = 0; column < row.size(); ++column) {
      if (!row[column].defined()) continue;
      const Shape shape = picture_shape(row[column]);
      heights.back() = std::max(heights.back(), shape[1]);
      widths[column] = std::max(widths[column], shape[2]);
    }
  }
  if (widths.empty()) fail_user("a contact sheet needs at least one image");

  const auto tops = offsets(heights, gap), lefts = offsets(widths, gap);
  Tensor sheet(DType::kU8, {3, tops.back(), lefts.back()});
  std::ranges::fill(sheet.as<uint8_t>(), kBackground);
  for (size_t row = 0; row < rows.size(); ++row) {
    for (size_t column = 0; column < rows[row].size(); ++column) {
      if (rows[row][column].defined()) {
        paste(rows[row][column], sheet, tops[row], lefts[column]);
      }
    }
  }
  return sheet;
}

}  // namespace rung
