// rung: the verbs that need no LibTorch. The others are handed over to rung-torch.

#include "rung/cli/program.h"
#include "rung/cli/torch_verbs.h"
#include "rung/cli/verbs.h"

int main(int argc, char** argv) {
  using namespace rung::cli;
  const Program program{.verbs = {add_show, add_join, add_models, add_torch_verbs},
                        .before = [](int count, char** arguments) {
                          if (count > 1 && is_torch_verb(arguments[1])) {
                            become_rung_torch(arguments);
                          }
                        }};
  return run_program(program, argc, argv);
}
