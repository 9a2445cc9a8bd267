// rung: the verbs that need no LibTorch. The others are handed over to rung-torch, and so is
// whatever opens a TorchScript or .pt2 file.

#include <fmt/format.h>

#include "rung/cli/program.h"
#include "rung/cli/torch_verbs.h"
#include "rung/cli/verbs.h"

int main(int argc, char** argv) {
  using namespace rung::cli;
  const Program program{.verbs = {add_show, add_join, add_tap, add_convert, add_diff, add_models,
                                  add_compile, add_bench, add_run_program, add_torch_verbs},
                        .before = [](int count, char** arguments) {
                          if (needs_torch(count, arguments)) {
                            become_rung_torch(arguments, fmt::format("'rung {}'", arguments[1]));
                          }
                        }};
  return run_program(program, argc, argv);
}
