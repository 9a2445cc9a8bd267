#pragma once

#include <string>
#include <vector>

#include "rung/blocks/settings.h"
#include "rung/graph/model.h"

namespace rung {

/// One built-in network.
struct ZooNetwork {
  std::string name;
  std::string doc;  ///< one line
  std::vector<ZooSetting> settings;
  Model (*build)(const ZooValues& values);
};

/// All built-in networks, in the order of the documentation.
const std::vector<ZooNetwork>& zoo_networks();

/// Builds a network by name: `zoo("resnet18", {{"classes", "10"}})`. Its weights are only
/// described, so this takes milliseconds. Throws a user error: an unknown name or key (lists the
/// valid ones), a value that breaks the setting's rule, or a network of more than 2^31 weights.
Model zoo(const std::string& name, const ZooSettings& settings = {});

}  // namespace rung
