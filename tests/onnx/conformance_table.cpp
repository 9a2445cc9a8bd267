#include "conformance_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/ops/onnx.h"

namespace rung {
namespace {

constexpr std::string_view kBegin = "<!-- conformance: begin -->\n";
constexpr std::string_view kTypes = "types";
constexpr std::string_view kEnd = "<!-- conformance: end -->";

void collect(const onnx::GraphProto& graph, std::set<std::string>& names) {
  for (const auto& node : graph.node()) {
    names.insert(node.domain().empty() ? node.op_type() : node.domain() + "." + node.op_type());
    for (const auto& a : node.attribute()) {
      if (a.has_g()) collect(a.g(), names);
    }
  }
}

/// ONNX's numbers of the types of a graph's inputs, outputs and weights; 0 for what is no tensor.
std::set<int> types_of(const onnx::ModelProto& model) {
  std::set<int> out;
  const auto add = [&](const auto& list) {
    for (const auto& value : list) {
      out.insert(value.type().has_tensor_type() ? value.type().tensor_type().elem_type() : 0);
    }
  };
  add(model.graph().input());
  add(model.graph().output());
  for (const auto& tensor : model.graph().initializer()) out.insert(tensor.data_type());
  return out;
}

/// The message without the node that it names.
std::string reason(const std::string& why) {
  const auto end = why.find("): ");
  return why.starts_with("node ") && end != std::string::npos ? why.substr(end + 3) : why;
}

struct Row {
  size_t cases = 0, passed = 0, newer = 0, refused = 0, bad = 0;
  std::map<std::string, size_t> outside;
  std::set<std::string> why;

  void count(const CaseResult& result) {
    ++cases;
    if (result.word == "passed" || result.word == "newer") {
      ++passed;
      if (result.newer) ++newer;
    } else if (result.word != "refused") {
      ++bad;
    } else if (!result.outside.empty()) {
      ++outside[result.outside];
    } else {
      ++refused;
      why.insert(reason(result.why));
    }
  }
};

std::string cell(size_t n) { return n == 0 ? "" : std::to_string(n); }

std::string row_text(const std::string& name, const Row& row) {
  size_t outside = 0;
  std::vector<std::string> why(row.why.begin(), row.why.end());
  for (const auto& [what, count] : row.outside) {
    outside += count;
    why.push_back(what);
  }
  return fmt::format("| {} | {} | {} | {} | {} | {} |\n", name, row.cases, cell(row.passed),
                     cell(row.refused), cell(outside), join(why, "; "));
}

std::string totals(const Row& all) {
  size_t outside = 0;
  std::string text = "| cases | |\n|---|---:|\n";
  const auto line = [&](const std::string& name, size_t n) {
    text += fmt::format("| {} | {} |\n", name, n);
  };
  line("all", all.cases);
  line("passed", all.passed);
  line("those among them whose types need LibTorch 2.3 or newer, and that 1.13 refuses saying so",
       all.newer);
  line("refused, with the reason", all.refused);
  line("wrong, or another error than a refusal", all.bad);
  size_t types = 0;
  for (const auto& [what, count] : all.outside) {
    if (what == kTypes) {
      types = count;
      line("types that rung lacks: 4 bits and less, float8_e8m0", count);
    } else {
      line("out of scope: " + what, count);
      outside += count;
    }
  }
  const size_t inside = all.cases - outside;
  const auto share = [&](size_t of) {
    return 100.0 * static_cast<double>(all.passed) / static_cast<double>(of);
  };
  text += fmt::format(
      "\nIn scope are {} cases, of which {:.1f} % pass; without those of types that rung lacks, "
      "{:.1f} % of {}.\n",
      inside, share(inside), share(inside - types), inside - types);
  return text;
}

}  // namespace

std::string operators(const onnx::ModelProto& model) {
  std::set<std::string> names;
  collect(model.graph(), names);
  return join(std::vector<std::string>(names.begin(), names.end()), ",");
}

std::string outside(const onnx::ModelProto& model, const std::string& why) {
  const std::string ops = operators(model);
  const auto types = types_of(model);
  const auto has = [&](std::string_view part) { return ops.find(part) != std::string::npos; };
  if (types.contains(onnx::TensorProto::STRING) || has("String") || has("Regex")) return "text";
  if (types.contains(0) || has("Sequence") || has("Optional")) return "sequences and optionals";
  if (has("ai.onnx.ml.")) return "trees and the like (ai.onnx.ml)";
  if (has("ai.onnx.preview.training.")) return "optimisers and gradients as operators";
  if (has("ImageDecoder")) return "decoding of images";
  if (has("Random") || has("Bernoulli") || has("Multinomial") ||
      why.find("random numbers") != std::string::npos) {
    return "random numbers";
  }
  for (const int type : types) {
    if (!ops::dtype_from_onnx(type)) return std::string(kTypes);
  }
  return "";
}

bool has_newer_types(const onnx::ModelProto& model) {
  const auto types = types_of(model);
  return std::any_of(types.begin(), types.end(), [](int type) {
    const auto dtype = ops::dtype_from_onnx(type);
    return dtype && (is_float8(*dtype) || is_wide_unsigned(*dtype));
  });
}

std::string conformance_table(const std::vector<CaseResult>& results) {
  Row all, several;
  std::map<std::string, Row> rows;
  std::string refused;
  for (const auto& result : results) {
    all.count(result);
    const bool one = result.operators.find(',') == std::string::npos;
    (one ? rows[result.operators] : several).count(result);
    if (result.word == "refused" && result.outside.empty()) {
      refused += fmt::format("`{}` ", result.name);
    }
  }
  std::string text = totals(all) +
                     "\n| operator | cases | passed | refused | out of scope, types | why |\n"
                     "|---|---:|---:|---:|---:|---|\n";
  for (const auto& [name, row] : rows) text += row_text(name, row);
  text += row_text("several operators in one case", several);
  if (!refused.empty()) text += "\nThe cases in scope that are refused: " + refused + "\n";
  return text;
}

std::string with_table(const std::string& document, const std::string& table) {
  const auto begin = document.find(kBegin), end = document.find(kEnd);
  if (begin == std::string::npos || end == std::string::npos || end < begin) {
    fail_user("the document lacks the marks {} and {}", trim(kBegin), kEnd);
  }
  return document.substr(0, begin + kBegin.size()) + "\n" + table + "\n" + document.substr(end);
}

}  // namespace rung
