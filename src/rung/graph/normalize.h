#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "rung/graph/model.h"

namespace rung {

/// What a network does to a picture of numbers from 0 to 1, red, green, blue, before its first
/// layer: resize, turn the channels round, then (scale · x - mean) / std by channel.
struct Normalization {
  std::vector<double> mean = {};  ///< one number for all channels, or one each; none: 0
  std::vector<double> std = {};   ///< likewise; none: 1
  double scale = 1;               ///< 255 for networks that were trained on bytes
  bool reversed = false;          ///< blue, green, red
  std::optional<std::pair<int64_t, int64_t>> size = std::nullopt;  ///< height and width
};

/// ImageNet's: mean 0.485, 0.456, 0.406, std 0.229, 0.224, 0.225.
Normalization imagenet_normalization();

/// The graph whose nodes read the input normalised: ordinary ops behind it, called `normalize.…`,
/// so that every executor and every exported file does it. Roles say where the channels are. Throws
/// a user error: no such input (empty: the only one), one that holds no floating numbers, has no
/// channels, is normalised already, or has another number of them than there are means; a std that
/// is not above 0.
Graph normalized(const Graph& graph, const Normalization& how, const std::string& input = {});

}  // namespace rung
