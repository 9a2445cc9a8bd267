#include "support/python.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>

namespace rung::testing {

ScratchFolder::ScratchFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "rung_test_XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no folder like " + pattern);
  path_ = pattern;
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

PythonResult run_python(const std::string& script, const ScratchFolder& folder) {
  const std::string command = std::string("'" RUNG_PYTHON "' '" RUNG_PYTHON_TESTS "/") + script +
                              "' '" + folder.path().string() + "'";
  const int status = std::system(command.c_str());
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return PythonResult::kDone;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) return PythonResult::kMissing;
  return PythonResult::kFailed;
}

}  // namespace rung::testing
