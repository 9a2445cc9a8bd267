#include "rung/exec/eager/torchscript_file.h"

#include <ATen/CPUGeneratorImpl.h>
#include <caffe2/serialize/inline_container.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>

#include <fstream>

#include "rung/base/error.h"
#include "rung/base/file.h"
#include "rung/base/text.h"
#include "rung/exec/eager/one_thread.h"
#include "rung/exec/eager/torchscript_module.h"
#include "rung/exec/eager/torchscript_scopes.h"

namespace rung {
namespace {

using torchscript::Arguments;
using torchscript::InputTensor;
using torchscript::NamedTensors;

/// The first line of what LibTorch says; the others are its own stack.
std::string first_line(const std::exception& error) {
  const auto* own = dynamic_cast<const c10::Error*>(&error);
  const std::string text = own != nullptr ? own->what_without_backtrace() : error.what();
  return text.substr(0, text.find('\n'));
}

/// What TorchScript code raises, or LibTorch's operators refuse, behind "… (most recent call
/// last)".
std::string objection(const std::exception& error) {
  const auto* own = dynamic_cast<const c10::Error*>(&error);
  std::string text = own != nullptr ? own->what_without_backtrace() : error.what();
  text = std::string(trim(text));
  return text.substr(text.rfind('\n') + 1);
}

[[noreturn]] void fail_weights() {
  fail_user(
      "the file holds weights, not a network\n"
      "  fix     give the network that they belong to, and these with --weights");
}

/// Says what a file is that is no TorchScript, before LibTorch does.
void check_kind(const std::filesystem::path& path) {
  char magic[4] = {};
  std::ifstream file(path, std::ios::binary);
  if (!file) fail_user("the file cannot be read");
  file.read(magic, sizeof magic);
  if (file.gcount() >= 2 && magic[0] == '\x80') fail_weights();  // a pickle: torch.save, long ago
  if (file.gcount() != 4 || std::string_view(magic, 4) != std::string_view("PK\x03\x04", 4)) {
    fail_user("the file is no TorchScript archive: it does not begin as a zip file does");
  }
}

void check_records(const std::filesystem::path& path) {
  caffe2::serialize::PyTorchStreamReader reader(path.string());
  if (reader.hasRecord("constants.pkl")) return;
  if (reader.hasRecord("archive_format") || reader.hasRecord("models/model.json")) {
    fail_user("the file was written by torch.export.save, not torch.jit.save; call it .pt2");
  }
  if (reader.hasRecord("data.pkl")) fail_weights();
  fail_user("the file is a zip archive without TorchScript in it");
}

torch::jit::Module open(const std::filesystem::path& path) {
  check_kind(path);
  try {
    check_records(path);
    return torch::jit::load(path.string(), at::kCPU);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    fail_user("the file cannot be read as TorchScript; LibTorch says: {}", first_line(error));
  }
}

torch::jit::Module find_part(const torch::jit::Module& module, const std::string& part) {
  std::vector<std::string> paths;
  for (const auto& item : module.named_modules()) {
    if (item.name == part) return item.value;
    paths.push_back(item.name);
  }
  fail_user("the network has no part {}; the nearest are {}", quoted(part),
            join(nearest(part, paths), ", "));
}

class ScriptLoader {
 public:
  ScriptLoader(torch::jit::Module module, const TorchScriptOptions& options)
      : module_(std::move(module)), scopes_(module_), arguments_(schema(), options) {
    for (InputTensor& input : arguments_.tensors()) {
      input.type = torchscript::type_of_input(module_, input.name);
    }
  }

  Model load() {
    const at::NoGradGuard no_grad;
    const OneThread one_thread;
    const torch::jit::GraphOptimizerEnabledGuard as_written(false);
    module_.eval();
    const std::vector<at::Tensor> examples = choose_examples();
    tracing::Source source = torchscript::source_of(module_);
    const auto& constants = arguments_.constants();
    source.constants.insert(source.constants.end(), constants.begin(), constants.end());

    TraceOptions names;
    for (const InputTensor& input : arguments_.tensors()) names.input_names.push_back(input.name);
    names.output_names = run(examples).names;
    return tracing::trace_source(
        source, [&](const std::vector<at::Tensor>& in) { return run(in).tensors; }, examples,
        names);
  }

 private:
  const c10::FunctionSchema& schema() const {
    const auto method = module_.find_method("forward");
    if (!method) fail_user("the module in the file has no method 'forward'");
    return method->function().getSchema();
  }

  NamedTensors run(const std::vector<at::Tensor>& inputs) const {
    const torchscript::State before(module_);
    const torchscript::Scopes::Guard announced(scopes_);
    NamedTensors out =
        torchscript::named_tensors(module_.get_method("forward")(arguments_.values(inputs)));
    before.check_unchanged(module_);
    return out;
  }

  std::vector<at::Tensor> make_examples() const {
    auto random = at::detail::createCPUGenerator(1);
    std::vector<at::Tensor> out;
    for (const InputTensor& input : arguments_.tensors()) {
      const at::TensorOptions type(input.type);
      out.push_back(input.type == at::kFloat ? at::rand(*input.shape, random, type)
                                             : at::zeros(*input.shape, type));
    }
    return out;
  }

  std::vector<at::Tensor> choose_examples() {
    std::vector<InputTensor*> open;
    for (InputTensor& input : arguments_.tensors()) {
      if (!input.shape) open.push_back(&input);
    }
    if (open.empty()) return try_given();
    if (open.size() == 1) {
      for (const int64_t size : {224, 64, 32, 256, 28, 128, 512, 16, 100, 1}) {
        open[0]->shape = torchscript::shape_for_convolution(module_, open[0]->name, size);
        if (!open[0]->shape) break;
        if (open[0]->shape->size() > 4 && size > 64) continue;  // a volume
        auto examples = make_examples();
        try {
          run(examples);
          return examples;
        } catch (const Error&) {
          throw;
        } catch (const std::exception&) {  // the next size may fit
        }
      }
    }
    fail_user(
        "the file does not say the sizes of the input {}\n"
        "  rule    TorchScript keeps no sizes, so the network is followed at those of an example\n"
        "  fix     give an example's, such as {}=1x3x224x224",
        quoted(open[0]->name), open[0]->name);
  }

  std::vector<at::Tensor> try_given() const {
    auto examples = make_examples();
    try {
      run(examples);
    } catch (const Error&) {
      throw;
    } catch (const std::exception& error) {
      std::vector<std::string> sizes;
      for (const InputTensor& input : arguments_.tensors()) {
        sizes.push_back(fmt::format("{} {}", quoted(input.name), to_string(*input.shape)));
      }
      fail_user(
          "the network cannot run at the example's sizes, {}\n"
          "  LibTorch says: {}\n"
          "  fix     give sizes that it takes",
          join(sizes, ", "), objection(error));
    }
    return examples;
  }

  torch::jit::Module module_;
  torchscript::Scopes scopes_;
  Arguments arguments_;
};

}  // namespace

Model load_torchscript(const std::filesystem::path& path, const TorchScriptOptions& options) {
  try {
    torch::jit::Module module = open(path);
    if (!options.part.empty()) module = find_part(module, options.part);
    return ScriptLoader(std::move(module), options).load();
  } catch (const Error& error) {
    throw Error(error.kind(), fmt::format("{}: {}", path.string(), error.what()));
  } catch (const std::exception& error) {
    fail_unsupported("{}: LibTorch cannot follow the network: {}", path.string(), objection(error));
  }
}

}  // namespace rung
