#include "rung/cli/pictures.h"

namespace rung::cli {
namespace {

// The two middle axes of [1, rows, columns] turned.
Tensor turned(const Tensor& value, int64_t rows, int64_t columns, const Shape& shape) {
  Tensor out(value.dtype(), shape);
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) out.set(j * rows + i, value.at(i * columns + j));
  }
  return out;
}

}  // namespace

Tensor with_channels_last(const Tensor& picture) {
  const Shape& s = picture.shape();
  return turned(picture, s[1], s[2] * s[3], {s[0], s[2], s[3], s[1]});
}

Tensor with_channels_first(const Tensor& picture) {
  const Shape& s = picture.shape();
  return turned(picture, s[1] * s[2], s[3], {s[0], s[3], s[1], s[2]});
}

}  // namespace rung::cli
