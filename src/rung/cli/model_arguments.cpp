#include "rung/cli/model_arguments.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>

#include "rung/base/error.h"
#include "rung/base/text.h"

namespace rung::cli {
namespace {

ZooSettings parse_settings(const std::vector<std::string>& assignments) {
  ZooSettings settings;
  for (const auto& assignment : assignments) {
    auto [key, value] = parse_assignment(assignment, "--set");
    if (!settings.emplace(key, value).second) fail_user("--set gives {} twice", quoted(key));
  }
  return settings;
}

// An input's name may hold anything, so that the last "=" counts.
InputShapes parse_shapes(const std::vector<std::string>& arguments) {
  InputShapes shapes;
  for (const auto& argument : arguments) {
    const auto equals = argument.rfind('=');
    const bool named = equals != std::string::npos;
    const auto shape = parse_sizes(named ? argument.substr(equals + 1) : argument);
    if (!shape) {
      fail_user(
          "--shape {}: the form is --shape [INPUT=]SIZES, with sizes of 1 or more such as "
          "1x3x224x224",
          quoted(argument));
    }
    element_count(*shape);
    const std::string name = named ? argument.substr(0, equals) : "";
    if (!shapes.emplace(name, *shape).second) {
      fail_user("--shape gives {} twice", name.empty() ? "the sizes" : quoted(name));
    }
  }
  return shapes;
}

InputRoles parse_all_roles(const std::vector<std::string>& arguments) {
  InputRoles all;
  for (const auto& argument : arguments) {
    const auto equals = argument.rfind('=');
    const bool named = equals != std::string::npos;
    const std::string name = named ? argument.substr(0, equals) : "";
    try {
      const Roles roles = parse_roles(named ? argument.substr(equals + 1) : argument);
      if (!all.emplace(name, roles).second) {
        fail_user("given twice for {}", name.empty() ? "the input" : quoted(name));
      }
    } catch (const Error& error) {
      throw error.with_context(fmt::format("--roles {}", quoted(argument)));
    }
  }
  return all;
}

std::optional<double> parse_number(std::string_view text) {
  const std::string_view digits = trim(text);
  double value = 0;
  const auto* end = digits.data() + digits.size();
  const auto result = std::from_chars(digits.data(), end, value);
  if (digits.empty() || result.ec != std::errc() || result.ptr != end) return std::nullopt;
  return value;
}

// One number, or several with commas between them. Whole ones stay exact.
Tensor parse_numbers(std::string_view text, const std::string& argument) {
  std::vector<double> values;
  for (const auto& part : split(text, ',')) {
    const auto value = parse_number(part);
    if (!value) {
      fail_user(
          "--number {}: {} is no number; the form is --number INPUT=NUMBER, such as sr=16000, or "
          "several with commas",
          quoted(argument), quoted(part));
    }
    values.push_back(*value);
  }
  const Shape shape = values.size() == 1 ? Shape{} : Shape{static_cast<int64_t>(values.size())};
  Tensor out(DType::kF64, shape);
  for (size_t i = 0; i < values.size(); ++i) out.set(static_cast<int64_t>(i), values[i]);
  return out;
}

// As with --shape, the last "=" counts.
InputNumbers parse_input_numbers(const std::vector<std::string>& arguments) {
  InputNumbers numbers;
  for (const auto& argument : arguments) {
    const auto equals = argument.rfind('=');
    if (equals == std::string::npos || equals == 0) {
      fail_user("--number {}: the form is --number INPUT=NUMBER, such as sr=16000",
                quoted(argument));
    }
    const std::string name = argument.substr(0, equals);
    if (!numbers.emplace(name, parse_numbers(argument.substr(equals + 1), argument)).second) {
      fail_user("--number gives {} twice", quoted(name));
    }
  }
  return numbers;
}

std::string names_text(const std::vector<NamedModel>& models) {
  std::vector<std::string> names;
  for (const auto& model : models) names.push_back(model.name);
  return join(names, ", ");
}

// Those of the arguments that begin with "NETWORK." for this one, without that. `end`: how much of
// an argument may hold the network's name.
template <typename End>
std::vector<std::string> own_arguments(const std::vector<std::string>& arguments,
                                       const char* option, const NamedModel& model,
                                       const std::vector<NamedModel>& all, End end) {
  std::vector<std::string> own;
  for (const auto& argument : arguments) {
    const auto dot = argument.substr(0, end(argument)).find('.');
    const std::string network = dot == std::string::npos ? "" : argument.substr(0, dot);
    if (dot != std::string::npos && network == model.name) {
      own.push_back(argument.substr(dot + 1));
      continue;
    }
    if (dot == std::string::npos && all.size() > 1) {
      fail_user("{} {}: with several networks, write {} {}.{} for network {}", option,
                quoted(argument), option, all.front().name, argument, quoted(all.front().name));
    }
    const bool others = std::any_of(all.begin(), all.end(), [&](const NamedModel& other) {
      return other.name == network && !network.empty();
    });
    if (others) continue;
    if (dot != std::string::npos && all.size() > 1) {
      fail_user("{} {}: no network is named {}; their names are {}", option, quoted(argument),
                quoted(network), names_text(all));
    }
    own.push_back(argument);
  }
  return own;
}

}  // namespace

void add_model_options(CLI::App& verb, ModelOptions& options, bool several) {
  const std::string network = several ? "[NETWORK.]" : "";
  verb.add_option("--set", options.settings, "A setting of a built-in network")
      ->type_name(network + "KEY=VALUE")
      ->allow_extra_args(false);
  verb.add_option("--shape", options.shapes,
                  "Plans the network at these sizes of an input, such as 1x3x224x224; for files "
                  "that leave sizes free, the example to begin with")
      ->type_name(network + "[INPUT=]SIZES")
      ->allow_extra_args(false);
  verb.add_option("--roles", options.roles,
                  "What the axes of an input mean, such as batch,space,space,channel; missing: "
                  "what the layers that read it say")
      ->type_name(network + "[INPUT=]ROLES")
      ->allow_extra_args(false);
  verb.add_option("--number", options.numbers,
                  "Makes an input of an ONNX file a constant, such as sr=16000: what decides which "
                  "branch the network takes")
      ->type_name(network + "INPUT=NUMBER")
      ->allow_extra_args(false);
}

OpenOptions options_for(const NamedModel& model, const std::vector<NamedModel>& all,
                        const ModelOptions& options) {
  const auto key_end = [](const std::string& text) { return text.find('='); };
  const auto input_end = [](const std::string& text) { return text.rfind('='); };
  const auto all_of_it = [](const std::string& text) { return text.size(); };
  for (const auto& setting : options.settings) parse_assignment(setting, "--set");
  return {.settings = parse_settings(own_arguments(options.settings, "--set", model, all, key_end)),
          .shapes = parse_shapes(own_arguments(options.shapes, "--shape", model, all, all_of_it)),
          .roles = parse_all_roles(own_arguments(options.roles, "--roles", model, all, all_of_it)),
          .numbers = parse_input_numbers(
              own_arguments(options.numbers, "--number", model, all, input_end))};
}

OpenOptions options_for(const ModelOptions& options) {
  return {.settings = parse_settings(options.settings),
          .shapes = parse_shapes(options.shapes),
          .roles = parse_all_roles(options.roles),
          .numbers = parse_input_numbers(options.numbers)};
}

std::pair<std::string, std::string> parse_assignment(const std::string& text,
                                                     const std::string& option) {
  const auto equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    fail_user("{} {}: the form is {} KEY=VALUE", option, quoted(text), option);
  }
  return {text.substr(0, equals), text.substr(equals + 1)};
}

std::optional<Shape> parse_sizes(std::string_view text) {
  Shape shape;
  for (const auto& part : split(text, text.find('x') == std::string_view::npos ? ',' : 'x')) {
    const std::string_view digits = trim(part);
    int64_t size = 0;
    const auto* end = digits.data() + digits.size();
    const auto result = std::from_chars(digits.data(), end, size);
    if (digits.empty() || result.ec != std::errc() || result.ptr != end || size < 1) {
      return std::nullopt;
    }
    shape.push_back(size);
  }
  return shape;
}

}  // namespace rung::cli
