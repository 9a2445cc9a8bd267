#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace rung {

/// Who can act on an error. The command maps them to its exit codes: 2, 3 and 1.
enum class ErrorKind {
  kUser,         ///< the input is wrong: a name, a shape, a file, an option
  kUnsupported,  ///< the input is right, but rung cannot do this
  kBug,          ///< rung broke a promise of its own
};

/// The only exception that rung throws. Messages name both ends, both shapes, the rule and the fix;
/// the first line is the whole story, further lines are details.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const { return kind_; }

  /// The same error with a line of context in front. Added once, by the walker that knows it.
  Error with_context(const std::string& context) const {
    return Error(kind_, context + "\n  " + what());
  }

 private:
  ErrorKind kind_;
};

template <typename... Args>
[[noreturn]] void fail_user(fmt::format_string<Args...> text, Args&&... args) {
  throw Error(ErrorKind::kUser, fmt::format(text, std::forward<Args>(args)...));
}

template <typename... Args>
[[noreturn]] void fail_unsupported(fmt::format_string<Args...> text, Args&&... args) {
  throw Error(ErrorKind::kUnsupported, fmt::format(text, std::forward<Args>(args)...));
}

template <typename... Args>
[[noreturn]] void fail_bug(fmt::format_string<Args...> text, Args&&... args) {
  throw Error(ErrorKind::kBug, fmt::format(text, std::forward<Args>(args)...));
}

}  // namespace rung
