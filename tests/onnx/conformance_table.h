#pragma once

#include <onnx/onnx_pb.h>

#include <filesystem>
#include <string>
#include <vector>

namespace rung {

/// What came of one case.
struct CaseResult {
  std::string name;          ///< node/test_relu
  std::string word;          ///< passed, newer, refused, wrong or failed
  std::string operators;     ///< "Add,Relu"
  std::string why = {};      ///< the message, where it did not pass
  std::string outside = {};  ///< why the case is none of rung's business; empty where it is
  bool newer = false;        ///< has types that LibTorch lacks before 2.3
};

/// The kinds of nodes in a graph and in those within it: "Add,Relu", with domains.
std::string operators(const onnx::ModelProto& model);

/// What a network of layers has no use for, or rung cannot hold, in a case that was refused:
/// "text", "sequences", …; empty where the case is in scope.
std::string outside(const onnx::ModelProto& model, const std::string& why);

/// Whether the graph has types that LibTorch lacks before 2.3.
bool has_newer_types(const onnx::ModelProto& model);

/// The part of docs/onnx.md that the cases decide: totals, then operator by operator.
std::string conformance_table(const std::vector<CaseResult>& results);

/// The document with the table between its two marks. Throws a user error where it has no marks.
std::string with_table(const std::string& document, const std::string& table);

}  // namespace rung
