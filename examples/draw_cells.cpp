// Draws microscope-like images of cells, each with its mask: data for the demo, from nothing.
//
//   draw_cells FOLDER [COUNT [SIDE [SEED]]]     FOLDER/images/0001.png, FOLDER/masks/0001.png, …
//
// Cells are wobbly ellipses of uneven brightness on a tilted background; specks as bright as a cell
// but far too small lie between them, so that brightness alone does not tell what is a cell.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <numbers>
#include <vector>

#include "rung/base/error.h"
#include "rung/base/rng.h"
#include "rung/io/image.h"

namespace {

using rung::Rng;

struct Blob {
  double x, y, radius_x, radius_y, angle, brightness;
  double wobble, lobes, phase;

  // Distance from the middle as a share of the edge's: 1 on the edge.
  double reach(double px, double py) const {
    const double dx = px - x, dy = py - y;
    const double u = (dx * std::cos(angle) + dy * std::sin(angle)) / radius_x;
    const double v = (dy * std::cos(angle) - dx * std::sin(angle)) / radius_y;
    return std::hypot(u, v) / (1 + wobble * std::sin(lobes * std::atan2(v, u) + phase));
  }
};

Blob random_blob(Rng& rng, double side, double smallest, double largest) {
  const double radius = rng.uniform(smallest, largest) * side;
  return {.x = rng.uniform(0, side),
          .y = rng.uniform(0, side),
          .radius_x = radius,
          .radius_y = radius * rng.uniform(0.6, 1.0),
          .angle = rng.uniform(0, std::numbers::pi),
          .brightness = rng.uniform(0.15, 0.6),
          .wobble = rng.uniform(0, 0.12),
          .lobes = static_cast<double>(rng.integer(2, 3)),
          .phase = rng.uniform(0, 2 * std::numbers::pi)};
}

std::vector<Blob> blobs(Rng& rng, double side, int64_t count, double smallest, double largest) {
  std::vector<Blob> out;
  for (int64_t i = 0; i < count; ++i) out.push_back(random_blob(rng, side, smallest, largest));
  return out;
}

struct Picture {
  rung::Tensor image, mask;
};

Picture draw(int64_t side, uint64_t seed) {
  Rng rng(seed);
  const auto extent = static_cast<double>(side);
  const auto cells = blobs(rng, extent, rng.integer(4, 14), 0.045, 0.12);
  const auto specks = blobs(rng, extent, rng.integer(6, 20), 0.006, 0.015);
  const double base = rng.uniform(0.05, 0.25), tilt_x = rng.uniform(-0.12, 0.12),
               tilt_y = rng.uniform(-0.12, 0.12), noise = rng.uniform(0.02, 0.06);

  Picture out{rung::Tensor(rung::DType::kU8, {1, side, side}),
              rung::Tensor(rung::DType::kU8, {1, side, side})};
  for (int64_t i = 0; i < side * side; ++i) {
    const double x = static_cast<double>(i % side), y = static_cast<double>(i / side);
    double light = base + tilt_x * x / extent + tilt_y * y / extent;
    bool inside = false;
    for (const Blob& cell : cells) {
      const double reach = cell.reach(x, y);
      inside = inside || reach < 1;
      // A soft edge about a tenth of the radius wide, and a middle brighter than the rim.
      light = std::max(light, base + cell.brightness * (1.1 - 0.4 * reach * reach) /
                                         (1 + std::exp((reach - 1) * 25)));
    }
    for (const Blob& speck : specks) {
      light += 0.6 * speck.brightness * std::exp(-speck.reach(x, y) * speck.reach(x, y));
    }
    light += noise * rng.normal();
    const auto at = static_cast<size_t>(i);
    out.image.as<uint8_t>()[at] = static_cast<uint8_t>(std::clamp(light, 0.0, 1.0) * 255);
    out.mask.as<uint8_t>()[at] = inside ? 255 : 0;
  }
  return out;
}

int64_t number(int argc, char** argv, int index, int64_t otherwise) {
  return argc > index ? std::atoll(argv[index]) : otherwise;
}

}  // namespace

int main(int argc, char** argv) {
  const int64_t count = number(argc, argv, 2, 200), side = number(argc, argv, 3, 128),
                seed = number(argc, argv, 4, 1);
  if (argc < 2 || argc > 5 || count < 1 || count > 9999 || side < 16 || side > 4096) {
    std::cerr
        << "usage: draw_cells FOLDER [COUNT [SIDE [SEED]]]   COUNT 1 to 9999, SIDE 16 to 4096\n";
    return 2;
  }
  try {
    const std::filesystem::path folder = argv[1];
    std::filesystem::create_directories(folder / "images");
    std::filesystem::create_directories(folder / "masks");
    for (int64_t i = 1; i <= count; ++i) {
      const Picture picture = draw(side, static_cast<uint64_t>(seed * 10000 + i));
      const std::string name = fmt::format("{:04}.png", i);
      rung::save_png(folder / "images" / name, picture.image);
      rung::save_png(folder / "masks" / name, picture.mask);
    }
    std::cout << count << " images of cells with masks in " << folder.string() << '\n';
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << '\n';
    return 2;
  }
}
