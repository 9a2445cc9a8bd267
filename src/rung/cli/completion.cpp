#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "rung/base/text.h"
#include "rung/blocks/zoo.h"
#include "rung/cli/manual.h"
#include "rung/cli/verb_tree.h"

namespace rung::cli {
namespace {

std::string networks() {
  std::vector<std::string> names;
  for (const auto& network : zoo_networks()) names.push_back(network.name);
  return join(names, " ");
}

std::vector<std::string> option_names(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const auto& name : option.get_snames()) names.push_back("-" + name);
  for (const auto& name : option.get_lnames()) names.push_back("--" + name);
  return names;
}

const char* kind_name(Completes what) {
  switch (what) {
    case Completes::kNothing:
      return "nothing";
    case Completes::kFile:
      return "file";
    case Completes::kModel:
      return "model";
    case Completes::kNetwork:
      return "network";
  }
  return "nothing";
}

/// `show) options='…' positional=model files='…' values='…' ;;`
std::string bash_case(const CLI::App& verb) {
  std::vector<std::string> options, files, values;
  std::string positional = kind_name(Completes::kNothing);
  for (const auto* option : verb.get_options()) {
    if (option->get_positional()) {
      positional = kind_name(completes(*option));
      continue;
    }
    const auto names = option_names(*option);
    options.insert(options.end(), names.begin(), names.end());
    if (!takes_value(*option)) continue;
    auto& list = completes(*option) == Completes::kFile ? files : values;
    list.insert(list.end(), names.begin(), names.end());
  }
  return fmt::format(
      "    {})\n      positional={}\n      options='{}'\n      files='{}'\n      values='{}' ;;\n",
      verb.get_name(), positional, join(options, " "), join(files, " "), join(values, " "));
}

// COMP_WORDS is cut at ':' and '=' too, so that the words are taken from the line; of what is
// found, the part up to the last of these stands there already.
constexpr const char* kBashHead = R"(# bash completion for rung, written by `rung manual`
_rung() {
  local typed=${COMP_LINE:0:COMP_POINT} positional=nothing options='' files='' values='' kind
  local -a words
  read -ra words <<<"$typed"
  local word=''
  case $typed in
    *[[:space:]]) ;;
    *) word=${words[-1]}; unset 'words[-1]' ;;
  esac
  local before=${words[-1]}
  case ${words[1]} in
)";

constexpr const char* kBashTail = R"(  esac
  if [[ $word == --*=* ]]; then
    before=${word%%=*} word=${word#*=}
  fi
  if [[ ${#words[@]} -le 1 ]]; then
    kind=verb
  elif [[ " $files " == *" $before "* ]]; then
    kind=file
  elif [[ " $values " == *" $before "* ]]; then
    kind=nothing
  elif [[ $word == -* ]]; then
    kind=option
  else
    kind=$positional
  fi
  if [[ $kind == model && $word =~ ^[A-Za-z0-9_]+= ]]; then
    word=${word#*=}
  fi
  COMPREPLY=()
  case $kind in
    verb) mapfile -t COMPREPLY < <(compgen -W "$verbs" -- "$word") ;;
    option) mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word") ;;
    network) mapfile -t COMPREPLY < <(compgen -W "$networks" -- "$word") ;;
    model) mapfile -t COMPREPLY < <(compgen -W "${networks// / zoo:}" -- "$word"; compgen -f -- "$word") ;;
    file) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
  esac
  case $kind in
    model | file) compopt -o filenames 2>/dev/null ;;
  esac
  local part=$word
  if [[ $COMP_WORDBREAKS == *:* ]]; then part=${part##*:}; fi
  COMPREPLY=("${COMPREPLY[@]#"${word%"$part"}"}")
}
complete -F _rung rung
)";

/// Text inside of '…[…]:…' of _arguments.
std::string zsh(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
      out += c;
    }
  }
  return out;
}

const char* zsh_action(Completes what) {
  switch (what) {
    case Completes::kNothing:
      return " ";
    case Completes::kFile:
      return "_files";
    case Completes::kModel:
      return "_rung_model";
    case Completes::kNetwork:
      return "_rung_network";
  }
  return " ";
}

/// One spec per name of the option.
std::string zsh_option(const CLI::Option& option) {
  const std::string action = zsh_action(completes(option));
  if (option.get_positional()) {
    const char* place = option.get_expected_max() > 1 ? "*" : "";
    return fmt::format("      '{}:{}:{}'", place, zsh(option.get_name(true)), action);
  }
  std::vector<std::string> specs;
  for (const auto& name : option_names(option)) {
    const std::string value =
        takes_value(option) ? fmt::format(":{}:{}", zsh(option.get_type_name()), action) : "";
    const char* again = option.get_expected_max() > 1 ? "*" : "";
    specs.push_back(
        fmt::format("      '{}{}[{}]{}'", again, name, zsh(option.get_description()), value));
  }
  return join(specs, " \\\n");
}

std::string zsh_case(const CLI::App& verb) {
  std::vector<std::string> specs;
  for (const auto* option : verb.get_options()) specs.push_back(zsh_option(*option));
  return fmt::format("    {})\n      _arguments \\\n{} ;;\n", verb.get_name(),
                     join(specs, " \\\n"));
}

constexpr const char* kZshHead = R"(#compdef rung
# zsh completion for rung, written by `rung manual`
_rung_network() {
  compadd -- $rung_networks
}
_rung_model() {
  compset -P '*='
  compadd -- zoo:$^rung_networks
  _files
}
_rung() {
)";

constexpr const char* kZshTail = R"(  esac
}
_rung "$@"
)";

}  // namespace

std::string bash_completion(const CLI::App& app) {
  std::vector<std::string> verbs;
  std::string text = kBashHead;
  for (const auto* verb : shown_verbs(app)) {
    verbs.push_back(verb->get_name());
    text += bash_case(*verb);
  }
  for (const auto* option : app.get_options()) {
    for (const auto& name : option_names(*option)) verbs.push_back(name);
  }
  const std::string lists =
      fmt::format("  local verbs='{}'\n  local networks=' {}'\n", join(verbs, " "), networks());
  return text.insert(text.find("  case $typed"), lists) + kBashTail;
}

std::string zsh_completion(const CLI::App& app) {
  std::string text = kZshHead;
  text += fmt::format("  local -a rung_networks=({})\n  local -a verbs=(\n", networks());
  for (const auto* verb : shown_verbs(app)) {
    text += fmt::format("    '{}:{}'\n", verb->get_name(), zsh(verb->get_description()));
  }
  text +=
      "  )\n  if (( CURRENT == 2 )); then\n    _describe verb verbs\n    return\n  fi\n"
      "  local verb=$words[2]\n  shift words\n  (( CURRENT-- ))\n  case $verb in\n";
  for (const auto* verb : shown_verbs(app)) text += zsh_case(*verb);
  return text + kZshTail;
}

}  // namespace rung::cli
