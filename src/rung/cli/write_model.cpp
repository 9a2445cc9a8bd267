#include "rung/cli/write_model.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>

#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/base/text.h"
#include "rung/cli/onnx_files.h"
#include "rung/io/model_file.h"

namespace rung::cli {
namespace {

bool is_onnx(const std::string& file) { return std::filesystem::path(file).extension() == ".onnx"; }

}  // namespace

void add_opset(CLI::App& verb, OutputOptions& options) {
  verb.add_option("--opset", options.opset, "Of an .onnx file; 17 unless told otherwise")
      ->type_name("N");
}

CLI::Option* add_output_options(CLI::App& verb, OutputOptions& options) {
  auto* output = verb.add_option("-o,--output", options.file, "The file to write, .rung or .onnx")
                     ->type_name("OUT");
  add_opset(verb, options);
  return output;
}

void check_network_output(const OutputOptions& options, const std::string& option) {
  if (!options.file) return;
  const std::string& file = *options.file;
  const std::string ending = std::filesystem::path(file).extension().string();
  if (ending == ".pt" || ending == ".pt2") {
    fail_unsupported(
        "{} {}: rung reads {} files but does not write them; it writes networks as .onnx and "
        ".rung",
        option, quoted(file), ending);
  }
  if (ending != ".rung" && ending != ".onnx") {
    fail_user("{} {}: a network is written as .rung or .onnx", option, quoted(file));
  }
  if (options.opset && !is_onnx(file)) {
    fail_user("--opset {}: {} is no .onnx file, and other networks have no opset", *options.opset,
              quoted(file));
  }
  check_writable(file);
}

void save_any_model(const Model& model, const OutputOptions& options, const std::string& what) {
  const std::string& file = options.file.value();
  std::string details;
  if (is_onnx(file)) {
    details = save_onnx_file(model, file, options.opset);
  } else {
    save_model(model, file);
  }
  std::printf("wrote %s%s%s\n%s", file.c_str(), what.empty() ? "" : ": ", what.c_str(),
              details.c_str());
}

}  // namespace rung::cli
