#include "rung/exec/eager/tiled.h"

#include <algorithm>
#include <vector>

#include "rung/base/error.h"
#include "rung/ops/eager.h"

namespace rung {
namespace {

/// Where a tile begins and ends along one axis.
struct Stretch {
  int64_t from = 0, to = 0;
};

/// Tiles move by this much: a multiple of the step that leaves the overlap at least.
int64_t stride_of(const Tiling& t) { return (t.size - t.overlap) / t.step * t.step; }

std::vector<Stretch> stretches(int64_t length, const Tiling& tiling) {
  const int64_t stride = stride_of(tiling);
  std::vector<Stretch> out;
  for (int64_t from = 0;; from += stride) {
    const int64_t to = std::min(length, from + stride + tiling.overlap);  // share just that
    out.push_back({from, to});
    if (to == length) return out;
  }
}

/// How much each place of a tile counts: 0 at an inner edge, 1 from three quarters of the overlap
/// on.
at::Tensor ramp(const std::vector<Stretch>& all, size_t i) {
  const auto [from, to] = all[i];
  const int64_t length = to - from;
  at::Tensor weights = at::ones({length});
  float* w = weights.data_ptr<float>();
  const auto fall = [&](int64_t shared, auto place) {
    const int64_t outer = shared / 4, inner = shared - 2 * outer;
    for (int64_t k = 0; k < shared; ++k) {
      const double share = k < outer            ? 0
                           : k >= outer + inner ? 1
                                                : (static_cast<double>(k - outer) + 0.5) /
                                                      static_cast<double>(inner);
      w[place(k)] = static_cast<float>(share);
    }
  };
  if (i > 0) fall(all[i - 1].to - from, [](int64_t k) { return k; });
  if (i + 1 < all.size()) {
    fall(to - all[i + 1].from, [&](int64_t k) { return length - 1 - k; });
  }
  return weights;
}

void check(const Tiling& t) {
  if (t.size < 1 || t.overlap < 0 || t.step < 1 || t.overlap >= t.size) {
    fail_user("tiles of {} with an overlap of {}: a size is 1 or more, and an overlap smaller",
              t.size, t.overlap);
  }
  if (stride_of(t) < std::max<int64_t>(t.overlap, 1)) {
    fail_user(
        "tiles of {} with an overlap of {} move by {}\n"
        "  rule    tiles begin at multiples of {}, as the network's strides count, and share half "
        "of "
        "themselves at most\n  fix     larger tiles, or a smaller overlap",
        t.size, t.overlap, stride_of(t), t.step);
  }
}

}  // namespace

void run_tiled(const MapPicture& net, const at::Tensor& picture, const Tiling& tiling,
               const TakeRows& take) {
  check(tiling);
  const int64_t width = picture.size(2);
  const auto rows = stretches(picture.size(1), tiling), columns = stretches(width, tiling);
  at::Tensor below;  // of the row of tiles before, what this one adds to
  for (size_t i = 0; i < rows.size(); ++i) {
    const int64_t height = rows[i].to - rows[i].from;
    at::Tensor band;
    const at::Tensor down = ramp(rows, i).view({-1, 1});
    for (size_t j = 0; j < columns.size(); ++j) {
      const int64_t span = columns[j].to - columns[j].from;
      const at::Tensor tile = picture.narrow(1, rows[i].from, height)
                                  .narrow(2, columns[j].from, span)
                                  .to(at::kFloat)
                                  .div_(255)
                                  .unsqueeze(0);
      const at::Tensor map = net(tile).to(at::kFloat);
      if (map.dim() != 4 || map.size(2) != height || map.size(3) != span) {
        fail_user("the network makes {} of a tile {}; tiles need a map of the picture's size",
                  type_text(map), type_text(tile));
      }
      if (!band.defined()) band = at::zeros({map.size(1), height, width});
      band.narrow(2, columns[j].from, span).add_(map[0] * (down * ramp(columns, j)));
    }
    if (below.defined()) band.narrow(1, 0, below.size(1)).add_(below);
    const int64_t done = i + 1 < rows.size() ? rows[i + 1].from - rows[i].from : height;
    take(rows[i].from, band.narrow(1, 0, done));
    below = done < height ? band.narrow(1, done, height - done).clone() : at::Tensor();
  }
}

}  // namespace rung
