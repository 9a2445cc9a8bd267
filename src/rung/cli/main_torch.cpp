// rung-torch: every verb, with LibTorch. Users call `rung`, which becomes this program where one
// needs it.

#include <c10/util/Exception.h>

#include "rung/cli/program.h"
#include "rung/cli/verbs.h"

namespace {

// LibTorch's messages end in a stack trace, which is of no use to a user.
std::optional<rung::cli::Failure> translate(const std::exception& error) {
  const auto* torch_error = dynamic_cast<const c10::Error*>(&error);
  if (torch_error == nullptr) return std::nullopt;
  const std::string message = torch_error->what_without_backtrace();
  if (message.find("out of memory") != std::string::npos ||
      message.find("can't allocate memory") != std::string::npos) {
    return rung::cli::Failure{rung::cli::kUserMistake, "not enough memory: " + message};
  }
  return rung::cli::Failure{rung::cli::kBug, "LibTorch refused what rung asked of it: " + message};
}

}  // namespace

int main(int argc, char** argv) {
  using namespace rung::cli;
  return run_program({.verbs = {add_show, add_join, add_tap, add_convert, add_diff, add_models,
                                add_compile, add_bench, add_run, add_check, add_train, add_evaluate,
                                add_predict, add_torch_trace},
                      .translate = translate},
                     argc, argv);
}
