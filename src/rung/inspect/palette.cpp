#include "rung/inspect/palette.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "rung/base/error.h"

namespace rung {
namespace {

// Paul Tol's "muted" scheme, readable by the colour-blind, and three more.
constexpr Color kColors[] = {{136, 204, 238}, {204, 102, 119}, {221, 204, 119}, {17, 119, 51},
                             {170, 68, 153},  {51, 34, 136},   {68, 170, 153},  {153, 153, 51},
                             {136, 34, 85},   {238, 119, 51},  {0, 119, 187},   {187, 187, 187}};

/// One of many colours: hues a golden angle apart, in turns light, dark and pale.
Color further_color(size_t i) {
  const double hue = std::fmod(static_cast<double>(i) * 0.6180339887498949, 1.0) * 6;
  const double value = i % 3 == 1 ? 0.6 : 0.95, pale = i % 3 == 2 ? 0.45 : 0.1;
  Color color{};
  for (size_t c = 0; c < 3; ++c) {
    const double k = std::fmod(5 - 2 * static_cast<double>(c) + hue, 6.0);
    const double share = std::clamp(std::min(k, 4 - k), 0.0, 1.0);
    color[c] = static_cast<uint8_t>(std::lround(255 * value * (1 - (1 - pale) * share)));
  }
  return color;
}

}  // namespace

std::vector<Color> class_colors(size_t count) {
  std::vector<Color> out = {Color{0, 0, 0}};
  for (size_t i = 0; out.size() < count; ++i) {
    Color color = i < std::size(kColors) ? kColors[i] : further_color(i);
    while (std::find(out.begin(), out.end(), color) != out.end()) ++color[2];
    out.push_back(color);
  }
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
