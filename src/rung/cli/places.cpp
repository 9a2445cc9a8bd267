#include "rung/cli/places.h"

namespace rung::cli {

std::filesystem::path own_folder() {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
}

std::vector<std::filesystem::path> rung_torch_places() {
  const auto here = own_folder();
  return {here / "rung-torch",
          (here / ".." / "libexec" / "rung" / "rung-torch").lexically_normal()};
}

}  // namespace rung::cli
