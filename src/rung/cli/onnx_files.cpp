#include "rung/cli/onnx_files.h"

#include "rung/base/error.h"
#ifdef RUNG_WITH_ONNX
#include "rung/io/onnx/export.h"
#include "rung/io/onnx/import.h"
#endif

namespace rung::cli {

#ifdef RUNG_WITH_ONNX

Model load_onnx_file(const std::filesystem::path& path, const InputShapes& shapes,
                     const InputNumbers& numbers, std::string* report) {
  OnnxReport operators;
  Model model = load_onnx(path, {.shapes = shapes, .numbers = numbers}, &operators);
  if (report != nullptr) *report = operators.text();
  return model;
}

std::string save_onnx_file(const Model& model, const std::filesystem::path& path,
                           std::optional<int64_t> opset) {
  OnnxExportOptions options;
  options.opset = opset.value_or(options.opset);
  const auto report = save_onnx(model, path, options);
  std::string text;
  for (const auto& input : report.inputs) text += "  " + input + "\n";
  for (const auto& held : report.held) text += "  held: " + held + "\n";
  return text;
}

#else

namespace {

[[noreturn]] void fail_without_onnx(const std::filesystem::path& path) {
  fail_unsupported("{}: this rung was built without ONNX (RUNG_ONNX=OFF)", path.string());
}

}  // namespace

Model load_onnx_file(const std::filesystem::path& path, const InputShapes&, const InputNumbers&,
                     std::string*) {
  fail_without_onnx(path);
}

std::string save_onnx_file(const Model&, const std::filesystem::path& path,
                           std::optional<int64_t>) {
  fail_without_onnx(path);
}

#endif

}  // namespace rung::cli
