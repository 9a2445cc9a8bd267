#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace rung::cli {

/// How the command ends.
enum Exit : int {
  kDone = 0,
  kBug = 1,          ///< rung broke a promise of its own
  kUserMistake = 2,  ///< the input is wrong
  kUnsupported = 3,  ///< the input is right, but rung cannot do this
  kDifferent = 4,    ///< done, and the answer is no: `diff` or `check` found a difference
};

/// Thrown by a verb that did its work and printed all about it, to end with another code than 0.
struct Ended {
  Exit exit = kDone;
};

struct Failure {
  Exit exit = kBug;
  std::string message;
};

/// A program made of verbs.
struct Program {
  /// Each adds one verb: its options, its help with examples, and a callback that runs it.
  std::vector<void (*)(CLI::App&)> verbs;
  /// Called before anything is parsed; may become another program, or throw.
  std::function<void(int argc, char** argv)> before = nullptr;
  /// What an exception that only this program knows means (LibTorch's, say).
  std::function<std::optional<Failure>(const std::exception&)> translate = nullptr;
};

/// Parses the arguments and runs the verb. Every failure becomes one message on stderr that begins
/// with "error: ", and an exit code; a stack trace never.
int run_program(const Program& program, int argc, char** argv);

}  // namespace rung::cli
