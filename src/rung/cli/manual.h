#pragma once

#include <filesystem>
#include <string>

namespace CLI {
class App;
}

namespace rung::cli {

// All of it is read off the declared verbs and options, so that it cannot differ from --help.

/// The manual page rung(1) of the program, or rung-VERB(1) of one of its verbs, as roff.
std::string manual_page(const CLI::App& app);
std::string manual_page(const CLI::App& app, const CLI::App& verb);

/// Scripts that complete verbs, options, built-in networks and file names.
std::string bash_completion(const CLI::App& app);
std::string zsh_completion(const CLI::App& app);

/// The hidden verb `manual DIR`, with which the build writes man1/rung.1, man1/rung-VERB.1,
/// rung.bash and _rung into a folder.
void add_manual(CLI::App& app);

}  // namespace rung::cli
