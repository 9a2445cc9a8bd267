#pragma once

#include <string>
#include <utility>
#include <vector>

#include "rung/blocks/settings.h"
#include "rung/io/model_file.h"

namespace rung::cli {

/// "key=value", as given to --set or --input. Throws a user error that shows the form where there
/// is no "=" or no key; `option` names the option in it.
std::pair<std::string, std::string> parse_assignment(const std::string& text,
                                                     const std::string& option);

/// Settings of a built-in network from --set arguments. Throws where a key is given twice.
ZooSettings parse_settings(const std::vector<std::string>& assignments);

/// A network as the user names it: `zoo:NAME`, built with these settings, or a model file.
/// Throws a user error: no such network or file, settings for a file (which has none).
Model open_model(const std::string& text, const ZooSettings& settings = {});

/// The same, but of a broken file everything up to the failing node.
PartialModel open_model_partly(const std::string& text, const ZooSettings& settings = {});

}  // namespace rung::cli
