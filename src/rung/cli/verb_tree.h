#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace rung::cli {

// What a manual page or a completion asks of the declared verbs and options.

/// Without those that are not for users (of the group "").
std::vector<const CLI::App*> shown_verbs(const CLI::App& app);

bool takes_value(const CLI::Option& option);
/// "-o, --output", or "MODEL" of a positional.
std::string option_title(const CLI::Option& option);
/// "FILE" of -o; "" of a flag or a positional.
std::string value_name(const CLI::Option& option);

/// What a value is completed with: kNetwork by names of built-in networks, kModel by these with
/// zoo: in front, and by files.
enum class Completes { kNothing, kFile, kModel, kNetwork };
Completes completes(const CLI::Option& option);

}  // namespace rung::cli
