// Mistakes in ONNX files that the command's table (tests/errors) does not hold: each is refused by
// a message that names the file and the node or tensor.

#include <gtest/gtest.h>

#include <fstream>

#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/base/temp_folder.h"
#include "rung/io/onnx/import.h"
#include "support/onnx_model.h"

namespace rung {
namespace {

using testing::add_node;
using testing::OnnxModel;

std::string refusal(const OnnxModel& model) {
  const TempFolder folder;
  model.save(folder / "bad.onnx");
  try {
    load_onnx(folder / "bad.onnx");
  } catch (const Error& error) {
    const std::string text = error.what(), file = (folder / "bad.onnx").string();
    EXPECT_NE(error.kind(), ErrorKind::kBug);
    EXPECT_TRUE(text.starts_with(file)) << text;
    return text.substr(std::min(text.size(), file.size()));
  }
  return "no error";
}

/// x ─ Add(w) ─ y
OnnxModel small() {
  OnnxModel m;
  m.input("x", {2, 3});
  m.floats("w", {2, 3});
  m.node("Add", {"x", "w"}, {"y"});
  m.output("y");
  return m;
}

// Every function calls the one before twice: 2^60 nodes, written in a few lines.
TEST(BadOnnx, FunctionsThatDouble) {
  OnnxModel m = small();
  for (int i = 0; i <= 60; ++i) {
    auto& function = *m.proto.add_functions();
    function.set_name("f" + std::to_string(i));
    function.set_domain("own");
    function.add_input("a");
    function.add_output("c");
    const std::string inner = i == 0 ? "Relu" : "f" + std::to_string(i - 1);
    for (const auto& [from, to] : {std::pair("a", "b"), std::pair("b", "c")}) {
      add_node(*function.mutable_node(), inner, {from}, {to}).set_domain(i == 0 ? "" : "own");
    }
  }
  m.node("f60", {"x"}, {"z"}).set_domain("own");
  EXPECT_NE(refusal(m).find("nodes"), std::string::npos);
}

}  // namespace
}  // namespace rung
