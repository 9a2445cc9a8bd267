#include "rung/train/augment.h"

#include <limits>

#include "rung/train/mask_classes.h"

namespace rung {
namespace {

/// What is not counted in a mask of class numbers, or in a target of numbers.
at::Scalar uncounted(const at::Tensor& mask) {
  if (mask.is_floating_point()) return std::numeric_limits<double>::quiet_NaN();
  return kMaskIgnored;
}

/// x moved by (dy, dx), `fill` where nothing was.
at::Tensor shifted(const at::Tensor& x, int64_t dy, int64_t dx, const at::Scalar& fill) {
  const int64_t h = x.size(1), w = x.size(2);
  at::Tensor out = at::full_like(x, fill);
  const int64_t rows = h - std::abs(dy), columns = w - std::abs(dx);
  if (rows <= 0 || columns <= 0) return out;
  const auto part = [&](const at::Tensor& t, int64_t y, int64_t z) {
    return t.narrow(1, std::max<int64_t>(y, 0), rows).narrow(2, std::max<int64_t>(z, 0), columns);
  };
  part(out, dy, dx).copy_(part(x, -dy, -dx));
  return out;
}

template <typename F>
void both(at::Tensor& image, at::Tensor& mask, F change) {
  image = change(image);
  if (mask.defined()) mask = change(mask);
}

void rotate(Rng& rng, at::Tensor& image, at::Tensor& mask) {
  const bool square = image.size(1) == image.size(2);
  const int64_t turns = square ? rng.integer(0, 3) : 2 * rng.integer(0, 1);
  const bool mirror = rng.integer(0, 1) == 1;
  if (turns != 0) both(image, mask, [&](const at::Tensor& x) { return x.rot90(turns, {1, 2}); });
  if (mirror) both(image, mask, [](const at::Tensor& x) { return x.flip({2}); });
}

void erase(Rng& rng, int64_t size, at::Tensor& image) {
  if (rng.integer(0, 1) == 0) return;
  const int64_t h = std::min(size, image.size(1)), w = std::min(size, image.size(2));
  image = image.clone();
  image.narrow(1, rng.integer(0, image.size(1) - h), h)
      .narrow(2, rng.integer(0, image.size(2) - w), w)
      .zero_();
}

}  // namespace

void augment(const Augment& how, Rng& rng, at::Tensor& image, at::Tensor& mask) {
  if (how.rotate) rotate(rng, image, mask);
  if (how.flip && rng.integer(0, 1) == 1) {
    both(image, mask, [](const at::Tensor& x) { return x.flip({2}); });
  }
  if (how.shift > 0) {
    const int64_t dy = rng.integer(-how.shift, how.shift), dx = rng.integer(-how.shift, how.shift);
    image = shifted(image, dy, dx, 0);
    if (mask.defined()) mask = shifted(mask, dy, dx, uncounted(mask));
  }
  if (how.brightness > 0) {
    image = (image + rng.uniform(-how.brightness, how.brightness)).clamp(0, 1);
  }
  if (how.erase > 0) erase(rng, how.erase, image);
}

void crop(std::pair<int64_t, int64_t> size, Rng& rng, at::Tensor& image, at::Tensor& mask) {
  const int64_t h = image.size(1), w = image.size(2);
  const auto [height, width] = size;
  const int64_t rows = std::min(h, height), columns = std::min(w, width);
  const int64_t y = rng.integer(0, h - rows), x = rng.integer(0, w - columns);
  const auto part = [&, height = height, width = width](const at::Tensor& t,
                                                        const at::Scalar& fill) {
    const at::Tensor inside = t.narrow(1, y, rows).narrow(2, x, columns);
    if (rows == height && columns == width) return inside;
    return at::constant_pad_nd(inside, {0, width - columns, 0, height - rows}, fill);
  };
  image = part(image, 0);
  mask = part(mask, uncounted(mask));
}

}  // namespace rung
