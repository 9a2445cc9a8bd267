#include "rung/cli/pictures.h"

#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/base/text.h"

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

void check_picture_file(const char* option, const std::string& file, const std::string& ending) {
  check_writable(file);
  if (file.ends_with(ending)) return;
  fail_user("{} {}: the picture is written as {}", option, quoted(file), ending);
}

}  // namespace rung::cli
