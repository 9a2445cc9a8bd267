#include "rung/cli/program.h"

#include <csignal>
#include <cstdio>
#include <cstring>

#include <CLI/CLI.hpp>
#include <filesystem>

#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/base/text.h"
#include "rung/cli/manual.h"
#include "rung/cli/verb_tree.h"
#include "rung/cli/verbs.h"

namespace rung::cli {
namespace {

Exit exit_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kUser:
      return kUserMistake;
    case ErrorKind::kUnsupported:
      return kUnsupported;
    case ErrorKind::kBug:
      return kBug;
  }
  return kBug;
}

std::string bug_text(const std::string& what) {
  return what + "\n  this is a bug in rung, not your mistake: please report it";
}

Failure failure_of(const Program& program, const std::exception& error) {
  if (const auto* own = dynamic_cast<const Error*>(&error)) {
    const Exit exit = exit_of(own->kind());
    return {exit, exit == kBug ? bug_text(own->what()) : own->what()};
  }
  if (program.translate) {
    if (auto failure = program.translate(error)) return *failure;
  }
  if (const auto* file = dynamic_cast<const std::filesystem::filesystem_error*>(&error)) {
    return {kUserMistake,
            fmt::format("cannot use {}: {}", file->path1().string(), file->code().message())};
  }
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr ||
      dynamic_cast<const std::length_error*>(&error) != nullptr) {
    return {kUserMistake, "not enough memory: the sizes asked for are too large for this machine"};
  }
  return {kBug, bug_text(error.what())};
}

// The verb that was parsed, or the program itself.
const CLI::App& parsed_app(const CLI::App& app) {
  const auto parsed = app.get_subcommands();
  return parsed.empty() ? app : *parsed.front();
}

std::vector<std::string> verb_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* verb : shown_verbs(app)) names.push_back(verb->get_name());
  return names;
}

std::vector<std::string> option_names(const CLI::App& verb) {
  std::vector<std::string> names;
  for (const auto* option : verb.get_options()) {
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

std::string did_you_mean(const std::string& given, const std::vector<std::string>& names) {
  const auto close = nearest(given, names, 1);
  return close.empty() ? "" : fmt::format("; did you mean {}?", close.front());
}

// CLI11 speaks of "subcommands" and does not say what would have been right.
std::string usage_error(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App& verb = parsed_app(app);
  const auto extra = verb.remaining();
  const auto before = app.remaining();
  if (&verb != &app && !before.empty()) {
    return fmt::format("{} stands before the verb; options follow it: rung {} …",
                       quoted(before.front()), verb.get_name());
  }
  if (&verb == &app) {
    const auto verbs = verb_names(app);
    if (extra.empty()) return fmt::format("no verb given; the verbs are {}", join(verbs, ", "));
    const bool option = extra.front().starts_with('-');
    return fmt::format(
        "unknown {} {}{}\n  the verbs are {}", option ? "option" : "verb", quoted(extra.front()),
        did_you_mean(extra.front(), option ? option_names(app) : verbs), join(verbs, ", "));
  }
  const std::string name = "rung " + verb.get_name();
  if (extra.empty()) return fmt::format("{}: {}\n  see {} --help", name, error.what(), name);
  if (!extra.front().starts_with('-')) {
    return fmt::format("{}: unexpected argument {}\n  see {} --help", name, quoted(extra.front()),
                       name);
  }
  const auto options = option_names(verb);
  return fmt::format("{}: unknown option {}{}\n  its options are {}", name, quoted(extra.front()),
                     did_you_mean(extra.front(), options), join(options, ", "));
}

int report(const Failure& failure) {
  std::fflush(stdout);
  std::fprintf(stderr, "error: %s\n", failure.message.c_str());
  return failure.exit;
}

// What was printed may still sit in the buffer, and the disk behind it may be full.
int finish(Exit exit = kDone) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return exit;
  return report({kUserMistake, fmt::format("cannot write the output: {}", std::strerror(errno))});
}

// Leaves nothing half-written behind, and ends as the signal ends a program.
void end_at_signal(int signal) {
  remove_unfinished_file();
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

}  // namespace

void add_seed(CLI::App& verb, uint64_t& seed, const std::string& what) {
  const auto whole = [](const std::string& text) {
    const bool digits = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
    if (digits && (text.size() < 20 || (text.size() == 20 && text <= "18446744073709551615"))) {
      return std::string();
    }
    return fmt::format("{} is not a whole number from 0 to 2^64 - 1", quoted(text));
  };
  verb.add_option("--seed", seed, what)->capture_default_str()->check(whole, "");
}

int run_program(const Program& program, int argc, char** argv) {
  // Quiet where the reader of a pipe goes away, whatever the parent process had set.
  std::signal(SIGPIPE, SIG_DFL);
  // A limit on the size of files is to be an error of writing, and not the end.
  std::signal(SIGXFSZ, SIG_IGN);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    // What the parent had ignored (nohup) stays ignored.
    if (std::signal(signal, end_at_signal) == SIG_IGN) std::signal(signal, SIG_IGN);
  }
  CLI::App app{"Joins neural networks through their intermediate layers, and trains the result.",
               "rung"};
  app.require_subcommand(1);
  app.get_formatter()->label("SUBCOMMAND", "VERB");
  app.get_formatter()->label("Subcommands", "Verbs");
  app.set_version_flag("--version", "rung " RUNG_VERSION);
  app.footer(
      "A verb's own help has examples: rung VERB --help\n"
      "Exit codes: 0 done, 1 a bug in rung, 2 your mistake, 3 not supported, 4 different (diff, "
      "check)");
  try {
    if (program.before) program.before(argc, argv);
    for (const auto& add_verb : program.verbs) add_verb(app);
    add_manual(app);
    app.parse(argc, argv);
    return finish();
  } catch (const Ended& ended) {
    return finish(ended.exit);
  } catch (const CLI::Success& request) {  // --help, --version
    app.exit(request);
    return finish();
  } catch (const CLI::ParseError& error) {
    return report({kUserMistake, usage_error(app, error)});
  } catch (const std::exception& error) {
    return report(failure_of(program, error));
  } catch (...) {
    return report({kBug, bug_text("an unknown exception")});
  }
}

}  // namespace rung::cli
