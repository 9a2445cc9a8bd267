#include "rung/cli/torch_files.h"

#include "rung/exec/eager/fallback.h"
#include "rung/exec/eager/pt2_file.h"
#include "rung/exec/eager/torchscript_file.h"

namespace rung::cli {

Model load_torch_file(const std::filesystem::path& path, FileKind kind, const InputShapes& shapes) {
  const TorchScriptOptions options{.shapes = shapes};
  return kind == FileKind::kPt2 ? load_pt2(path, options) : load_torchscript(path, options);
}

Fallback torch_fallback() { return eager_fallback(); }

void go_on_with_torch() {}

}  // namespace rung::cli
