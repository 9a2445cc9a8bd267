#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rung/cli/open_model.h"

namespace CLI {
class App;
}

namespace rung::cli {

/// The options that every verb with a MODEL has, as given.
struct ModelOptions {
  std::vector<std::string> settings;  ///< --set [NETWORK.]KEY=VALUE
  std::vector<std::string> shapes;    ///< --shape [NETWORK.][INPUT=]1x3x224x224
  std::vector<std::string> roles;     ///< --roles [NETWORK.][INPUT=]batch,space,space,channel
  std::vector<std::string> numbers;   ///< --number [NETWORK.]INPUT=16000
};
void add_model_options(CLI::App& verb, ModelOptions& options, bool several = false);

/// What MODEL may be, for help.
inline constexpr const char* kModelHelp = "zoo:NAME, or a .rung, .onnx, .pt or .pt2 file";

/// One network of the command line: what it is called, and what it is.
struct NamedModel {
  std::string name;
  std::string model;
};

/// The options for one of these networks. With several, each option names its network.
/// Throws a user error that shows the form, or the names, where one does not say for whom it is.
OpenOptions options_for(const NamedModel& model, const std::vector<NamedModel>& all,
                        const ModelOptions& options);
/// For the only network.
OpenOptions options_for(const ModelOptions& options);

/// "key=value", as given to --set or --input. Throws a user error that shows the form where there
/// is no "=" or no key; `option` names the option in it.
std::pair<std::string, std::string> parse_assignment(const std::string& text,
                                                     const std::string& option);

/// "1x3x224x224" or "1,3,224,224": sizes of 1 or more; nothing where the text is none of these.
std::optional<Shape> parse_sizes(std::string_view text);

}  // namespace rung::cli
