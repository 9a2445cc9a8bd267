// Runs the ONNX project's own operator cases in eager execution: each folder below ROOT/node and
// the like holds model.onnx and test_data_set_*/input_*.pb, output_*.pb.
//
//   onnx_conformance ROOT [PART]             one line a case whose path holds PART: name, what came
//                                            of it, operators, why
//   onnx_conformance ROOT --write DOCUMENT   writes the table in DOCUMENT
//   onnx_conformance ROOT --check DOCUMENT   exits with 1 where it differs, or a case is wrong
//
// What comes of a case: passed; refused (an error that says what rung lacks, or what must be
// known); newer (refused because this LibTorch lacks a type); wrong (other numbers, types or sizes
// than expected); failed (an error that is no refusal).

#include <fcntl.h>
#include <google/protobuf/io/zero_copy_stream_impl.h>
#include <onnx/onnx_pb.h>
#include <torch/torch.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <set>

#include "conformance_table.h"
#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/base/text.h"
#include "rung/exec/eager/convert.h"
#include "rung/exec/eager/module.h"
#include "rung/io/onnx/import.h"
#include "rung/io/onnx/onnx_file.h"
#include "rung/ops/dtype_eager.h"

namespace rung {
namespace {

namespace fs = std::filesystem;

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

onnx::TensorProto read_proto(const fs::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY);
  google::protobuf::io::FileInputStream stream(file);
  onnx::TensorProto proto;
  const bool parsed = proto.ParseFromZeroCopyStream(&stream);
  ::close(file);
  if (!parsed) fail_user("{} is no tensor", path.string());
  return proto;
}

std::vector<fs::path> numbered(const fs::path& folder, const std::string& what) {
  std::vector<fs::path> out;
  for (int i = 0;; ++i) {
    const fs::path path = folder / fmt::format("{}_{}.pb", what, i);
    if (!fs::exists(path)) return out;
    out.push_back(path);
  }
}

/// Why `got` is not what is expected; empty where it is. Tolerances of the ONNX project's runner.
std::string difference(const at::Tensor& got, const at::Tensor& expected) {
  if (got.sizes() != expected.sizes() || got.scalar_type() != expected.scalar_type()) {
    return fmt::format("{}{} and not {}{}", name(from_torch(got.scalar_type())),
                       to_string(Shape(got.sizes().vec())),
                       name(from_torch(expected.scalar_type())),
                       to_string(Shape(expected.sizes().vec())));
  }
  const bool half = expected.scalar_type() == at::kHalf || expected.scalar_type() == at::kBFloat16;
  if (!expected.is_floating_point()) {
    const bool few = has_few_kernels(expected.scalar_type());  // not even a comparison
    const bool same =
        few ? at::equal(got.to(at::kLong), expected.to(at::kLong)) : at::equal(got, expected);
    return same ? "" : "other whole numbers";
  }
  if (has_few_kernels(expected.scalar_type())) {
    const bool same = at::allclose(got.to(at::kFloat), expected.to(at::kFloat), 0, 0, true);
    return same ? "" : "other 8-bit floats";
  }
  if (at::allclose(got.to(at::kDouble), expected.to(at::kDouble), half ? 1e-2 : 1e-3,
                   half ? 1e-3 : 1e-6, true)) {
    return "";
  }
  const double most = (got.to(at::kDouble) - expected.to(at::kDouble)).abs().max().item<double>();
  return fmt::format("differs by up to {:.3g}", most);
}

struct Verdict {
  std::string word, why;
};

Verdict run_set(const fs::path& model_path, const fs::path& folder, const OnnxFile& file) {
  std::vector<at::Tensor> expected;
  std::vector<Tensor> given;
  std::set<std::string> initializers;
  for (const auto& tensor : file.proto->graph().initializer()) initializers.insert(tensor.name());
  std::vector<std::string> names;
  for (const auto& input : file.proto->graph().input()) {
    if (!initializers.contains(input.name())) names.push_back(input.name());
  }
  try {
    for (const auto& path : numbered(folder, "input")) {
      const auto proto = read_proto(path);
      given.push_back(file.tensor(proto).clone());
    }
    for (const auto& path : numbered(folder, "output")) {
      const auto proto = read_proto(path);
      expected.push_back(to_torch(file.tensor(proto)).clone());
    }
  } catch (const Error& error) {
    return {"refused", first_line(error.what())};
  }
  if (given.size() > names.size()) return {"failed", "more inputs than the model has"};
  // The cases give as inputs what networks have as constants: sizes, axes, flags. Those become
  // constants where the import asks for it: whole numbers first, then all but the first input.
  const auto attempt = [&](auto is_number) {
    OnnxOptions options;
    std::vector<at::Tensor> in;
    for (size_t i = 0; i < given.size(); ++i) {
      if (is_number(i)) {
        options.numbers.emplace(names[i], given[i]);
      } else {
        options.shapes.emplace(names[i], given[i].shape());
        in.push_back(to_torch(given[i]).clone());
      }
    }
    Module net(load_onnx(model_path, options));
    net->eval();
    return std::pair(net, in);
  };
  const auto none = [](size_t) { return false; };
  const auto whole = [&](size_t i) {
    return i > 0 && !is_floating(given[i].dtype()) && given[i].shape().size() < 2;
  };
  const auto rest = [](size_t i) { return i > 0; };
  const auto all = [](size_t) { return true; };
  const std::vector<std::function<bool(size_t)>> ways{none, whole, rest, all};
  std::optional<std::pair<Module, std::vector<at::Tensor>>> net;
  Verdict refusal;
  for (size_t i = 0; i < ways.size() && !net; ++i) {
    try {
      net = attempt(ways[i]);
    } catch (const Error& error) {
      const bool asks = std::string(error.what()).find("must be known") != std::string::npos;
      if (i == 0 || !asks) {
        refusal = {error.kind() == ErrorKind::kUnsupported ? "refused" : "failed",
                   first_line(error.what())};
      }
      if (!asks) break;
    }
  }
  if (!net) return refusal;
  const at::NoGradGuard no_grad;
  const auto results = net->first->forward(net->second);
  if (results.size() != expected.size()) {
    return {"wrong", fmt::format("{} results and not {}", results.size(), expected.size())};
  }
  for (size_t i = 0; i < results.size(); ++i) {
    const std::string why = difference(results[i], expected[i]);
    if (!why.empty()) return {"wrong", fmt::format("result {}: {}", i, why)};
  }
  return {"passed", ""};
}

CaseResult run_case(const fs::path& folder, const std::string& name) {
  const fs::path path = folder / "model.onnx";
  CaseResult result{.name = name, .word = "passed", .operators = "?"};
  try {
    const OnnxFile file = read_onnx(path);
    result.operators = operators(*file.proto);
    for (int i = 0;; ++i) {
      const fs::path data = folder / fmt::format("test_data_set_{}", i);
      if (!fs::exists(data)) {
        if (i == 0) fail_user("the case has no data");
        break;
      }
      const Verdict verdict = run_set(path, data, file);
      result.word = verdict.word;
      result.why = verdict.why;
      if (verdict.word != "passed") break;
    }
    const auto at = result.why.find(path.string() + ": ");
    if (at != std::string::npos) result.why.erase(at, path.string().size() + 2);
    if (result.word == "refused") result.outside = outside(*file.proto, result.why);
    result.newer = has_newer_types(*file.proto);
    if (result.newer && result.why.find("need LibTorch 2.3 or newer") != std::string::npos) {
      result.word = "newer";
    }
  } catch (const std::exception& error) {
    result.word = "failed";
    result.why = first_line(error.what());
  }
  return result;
}

std::vector<fs::path> cases(const fs::path& root, const std::string& part) {
  std::vector<fs::path> out;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    const bool chosen = entry.path().string().find(part) != std::string::npos;
    if (chosen && entry.path().filename() == "model.onnx")
      out.push_back(entry.path().parent_path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

void print(const CaseResult& result) {
  std::printf("%s\t%s\t%s\t%s\t%s\n", result.name.c_str(), result.word.c_str(),
              result.operators.c_str(), result.why.c_str(), result.outside.c_str());
  std::fflush(stdout);
}

/// Whether all is as the document says.
bool check(const std::vector<CaseResult>& results, const fs::path& document) {
  bool good = true;
  for (const auto& result : results) {
    if (result.word != "wrong" && result.word != "failed") continue;
    print(result);
    good = false;
  }
  const auto newer = std::count_if(results.begin(), results.end(),
                                   [](const CaseResult& result) { return result.word == "newer"; });
  if (newer > 0) {
    std::printf("%d cases need a newer LibTorch: %s\n", static_cast<int>(newer),
                "it refuses their types, and says so; the table counts them as passed");
  }
  const std::string text = read_file(document);
  if (with_table(text, conformance_table(results)) != text) {
    std::printf("%s differs from what came of the cases; write it again with --write\n",
                document.c_str());
    good = false;
  }
  return good;
}

int run(const std::vector<std::string>& arguments) {
  const fs::path root = arguments.at(0);
  const std::string mode = arguments.size() == 3 ? arguments[1] : "";
  const auto folders = cases(root, arguments.size() == 2 ? arguments[1] : "");
  std::vector<CaseResult> results;
  for (const auto& folder : folders) {
    results.push_back(run_case(folder, fs::relative(folder, root).string()));
    if (mode.empty()) print(results.back());
  }
  if (results.empty()) fail_user("{} holds no cases", root.string());
  if (mode == "--check") return check(results, arguments[2]) ? 0 : 1;
  if (mode == "--write") {
    const fs::path document = arguments[2];
    write_file(document, with_table(read_file(document), conformance_table(results)));
  }
  return 0;
}

}  // namespace
}  // namespace rung

int main(int argc, char** argv) {
  if (argc < 2 || argc > 4) return 2;
  at::set_num_threads(1);
  try {
    return rung::run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}
