#include "rung/cli/manual.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cctype>
#include <memory>
#include <sstream>

#include "rung/base/file.h"
#include "rung/base/text.h"
#include "rung/cli/verb_tree.h"

namespace rung::cli {
namespace {

std::string roff(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  // A line that begins so would be a request.
  return !out.empty() && (out[0] == '.' || out[0] == '\'') ? "\\&" + out : out;
}

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

std::string header(const std::string& name, const std::string& description) {
  return fmt::format(".TH \"{0}\" 1 \"\" \"rung {1}\" \"rung\"\n.SH NAME\n{2} \\- {3}\n",
                     upper(name), RUNG_VERSION, roff(name), roff(description));
}

/// Paragraphs; "Examples:" begins a section, and indented lines are shown as they are.
std::string footer(const std::string& text) {
  std::string out;
  bool verbatim = false;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const bool indented = line.starts_with("  ");
    if (indented != verbatim) out += indented ? ".nf\n" : ".fi\n";
    verbatim = indented;
    if (line == "Examples:") {
      out += ".SH EXAMPLES\n";
    } else if (indented) {
      out += roff(line.substr(2)) + "\n";
    } else {
      out += line.empty() ? ".PP\n" : roff(line) + "\n.br\n";
    }
  }
  return out + (verbatim ? ".fi\n" : "");
}

std::string option_text(const CLI::Option& option) {
  std::string text = ".TP\n\\fB" + roff(option_title(option)) + "\\fR";
  if (const std::string value = value_name(option); !value.empty()) {
    text += " \\fI" + roff(value) + "\\fR";
  }
  text += "\n" + roff(option.get_description());
  if (!option.get_default_str().empty() && takes_value(option)) {
    text += roff(fmt::format(" (default: {})", option.get_default_str()));
  }
  return text + "\n";
}

std::string see_also(const CLI::App& app, const CLI::App* without) {
  std::vector<std::string> pages;
  if (without != nullptr) pages.push_back("\\fBrung\\fR(1)");
  for (const auto* verb : shown_verbs(app)) {
    if (verb != without) pages.push_back("\\fB" + roff("rung-" + verb->get_name()) + "\\fR(1)");
  }
  return ".SH SEE ALSO\n" + join(pages, ",\n") + "\n";
}

}  // namespace

std::string manual_page(const CLI::App& app) {
  std::string text = header("rung", app.get_description());
  text += ".SH SYNOPSIS\n\\fBrung\\fR \\fIVERB\\fR [\\fIOPTIONS\\fR]\n.SH VERBS\n";
  for (const auto* verb : shown_verbs(app)) {
    text +=
        fmt::format(".TP\n\\fB{}\\fR\n{}\n", roff(verb->get_name()), roff(verb->get_description()));
  }
  text += ".SH OPTIONS\n";
  for (const auto* option : app.get_options()) text += option_text(*option);
  return text + ".SH NOTES\n" + footer(app.get_footer()) + see_also(app, nullptr);
}

std::string manual_page(const CLI::App& app, const CLI::App& verb) {
  std::string text = header("rung-" + verb.get_name(), verb.get_description());
  text += ".SH SYNOPSIS\n\\fB" + roff("rung " + verb.get_name()) + "\\fR [\\fIOPTIONS\\fR]";
  std::string positionals, options;
  for (const auto* option : verb.get_options()) {
    if (!option->get_positional()) {
      options += option_text(*option);
      continue;
    }
    positionals += option_text(*option);
    text += " \\fI" + roff(option->get_name(true)) + "\\fR";
    if (option->get_expected_max() > 1) text += "...";
  }
  text += "\n.SH DESCRIPTION\n" + roff(verb.get_description()) + ".\n";
  if (!positionals.empty()) text += ".SH ARGUMENTS\n" + positionals;
  text += ".SH OPTIONS\n" + options;
  if (!verb.get_footer().empty()) text += ".PP\n" + footer(verb.get_footer());
  return text + see_also(app, &verb);
}

void add_manual(CLI::App& app) {
  auto* verb = app.add_subcommand("manual", "Writes manual pages and completions")->group("");
  const auto folder = std::make_shared<std::filesystem::path>();
  verb->add_option("DIR", *folder)->required();
  verb->callback([&app, folder] {
    std::filesystem::create_directories(*folder / "man1");
    write_file(*folder / "man1" / "rung.1", manual_page(app));
    for (const auto* shown : shown_verbs(app)) {
      write_file(*folder / "man1" / ("rung-" + shown->get_name() + ".1"), manual_page(app, *shown));
    }
    write_file(*folder / "rung.bash", bash_completion(app));
    write_file(*folder / "_rung", zsh_completion(app));
  });
}

}  // namespace rung::cli
