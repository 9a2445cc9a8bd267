#include "rung/inspect/palette.h"

#include <iterator>

#include "rung/base/error.h"

namespace rung {
namespace {

// Paul Tol's "muted" scheme, readable by the colour-blind, and three more.
constexpr Color kColors[] = {{136, 204, 238}, {204, 102, 119}, {221, 204, 119}, {17, 119, 51},
                             {170, 68, 153},  {51, 34, 136},   {68, 170, 153},  {153, 153, 51},
                             {136, 34, 85},   {238, 119, 51},  {0, 119, 187},   {187, 187, 187}};

}  // namespace

std::vector<Color> class_colors(size_t count) {
  std::vector<Color> out = {Color{0, 0, 0}};
  while (out.size() < count) out.push_back(kColors[(out.size() - 1) % std::size(kColors)]);
  return out;
}

Tensor colored(const Tensor& classes, const std::vector<Color>& colors) {
  if (classes.shape().size() != 2) {
    fail_bug("a map of classes is [H, W], not {}", to_string(classes.shape()));
  }
  const int64_t plane = classes.elements();
  Tensor out(DType::kU8, {3, classes.shape()[0], classes.shape()[1]});
  for (int64_t i = 0; i < plane; ++i) {
    const double value = classes.at(i);
    const bool known = value >= 0 && value < static_cast<double>(colors.size());
    const Color color = known ? colors[static_cast<size_t>(value)] : Color{255, 255, 255};
    for (int64_t c = 0; c < 3; ++c) out.set(c * plane + i, color[static_cast<size_t>(c)]);
  }
  return out;
}

}  // namespace rung
