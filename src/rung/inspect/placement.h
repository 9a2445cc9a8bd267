#pragma once

#include <span>
#include <vector>

#include "rung/inspect/outline.h"

namespace rung {

/// Pixels, y downwards.
struct Point {
  double x = 0;
  double y = 0;
};
struct Area {
  double x = 0;  ///< left
  double y = 0;  ///< top
  double width = 0;
  double height = 0;
};

/// Where everything of an outline lies.
struct Placement {
  double width = 0;
  double height = 0;
  std::vector<Area> boxes;                 ///< one per box
  std::vector<Area> lanes;                 ///< one per lane; empty areas where a lane has no box
  std::vector<std::vector<Point>> arrows;  ///< one per arrow, its direction: cubic Bézier curves,
                                           ///< 3n + 1 points; empty where it could not be routed
};

/// Lays an outline out with graphviz. Networks run in lanes side by side; one that is fed by
/// another network's layer runs upwards, so that an encoder and its decoder form a U and skips
/// between them stay short. `sizes` are those of the boxes. The same outline gives the same
/// placement. Throws a bug error where graphviz fails.
Placement place(const Outline& outline, std::span<const Area> sizes);

}  // namespace rung
