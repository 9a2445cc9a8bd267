#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/frontend/tracer.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "rung/cli/verbs.h"
#include "rung/exec/eager/convert.h"
#include "rung/exec/eager/module.h"
#include "rung/io/model_file.h"
#include "rung/io/numpy/npy.h"

// What PyTorch's peers of `rung bench` read (tools/peers/pytorch_peer.py).

namespace rung::cli {
namespace {

namespace jit = torch::jit;

struct TorchTrace {
  std::string model, file;
  std::vector<std::string> inputs;
};

using Tensors = std::vector<at::Tensor>;

/// The network as torch.jit.trace makes one of it.
jit::Module trace(Module& net, const Tensors& inputs) {
  jit::Module self("rung_network");
  self.register_attribute("training", c10::BoolType::get(), false);
  size_t count = 0;
  for (const auto& [name, weight] : net->weights()) {
    self.register_buffer("weight" + std::to_string(count++),
                         at::Tensor(weight).requires_grad_(false));
  }
  jit::Stack stack(inputs.begin(), inputs.end());
  const auto run = [&](const jit::Stack& given) {
    Tensors x;
    for (const auto& value : given) x.push_back(value.toTensor());
    const auto results = net->forward(x);
    if (results.size() == 1) return jit::Stack{results.front()};
    std::vector<c10::IValue> all(results.begin(), results.end());
    return jit::Stack{c10::ivalue::Tuple::create(std::move(all))};
  };
  const auto no_name = [](const at::Tensor&) { return std::string(); };
  const auto graph =
      jit::tracer::trace(std::move(stack), run, no_name, false, false, &self).first->graph;
  const c10::QualifiedName name(*self.type()->name(), "forward");
  self.type()->addMethod(self._ivalue()->compilation_unit()->create_function(name, graph));
  return self;
}

void write_trace(const TorchTrace& options) {
  const torch::NoGradGuard no_grad;
  Tensors inputs;
  for (const auto& file : options.inputs) inputs.push_back(to_torch(load_npy(file)));
  Module net(load_model(options.model));
  net->eval();
  trace(net, inputs).save(options.file);
}

}  // namespace

void add_torch_trace(CLI::App& app) {
  auto* verb =
      app.add_subcommand("torch-trace", "A network as TorchScript, for peers of rung bench")
          ->group("");
  const auto options = std::make_shared<TorchTrace>();
  verb->add_option("MODEL", options->model)->required();
  verb->add_option("FILE", options->file, "To write")->required();
  verb->add_option("INPUTS", options->inputs, ".npy files at whose sizes it is traced");
  verb->callback([options] { write_trace(*options); });
}

}  // namespace rung::cli
