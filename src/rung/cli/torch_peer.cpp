#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/frontend/tracer.h>
#include <torch/utils.h>
#include <torch/version.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/cli/verbs.h"
#include "rung/exec/eager/convert.h"
#include "rung/exec/eager/module.h"
#include "rung/io/model_file.h"
#include "rung/io/numpy/npy.h"

// LibTorch's side of `rung bench`; cli/peer.h says what is asked and answered.

namespace rung::cli {
namespace {

namespace jit = torch::jit;
using nlohmann::json;

struct TorchPeer {
  std::string way;  ///< "eager" or "traced"
  std::string model;
  int threads = 1;
  std::vector<std::string> inputs;
};

using Tensors = std::vector<at::Tensor>;
using Forward = std::function<Tensors(const Tensors&)>;

/// The network as torch.jit.trace makes one of it, frozen and optimised for inference.
jit::Module optimized_trace(Module& net, const Tensors& inputs) {
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
  jit::Module frozen = jit::freeze(self);
  return jit::optimize_for_inference(frozen);
}

Tensors tensors_of(const c10::IValue& value) {
  if (value.isTensor()) return {value.toTensor()};
  Tensors tensors;
  for (const auto& element : value.toTupleRef().elements()) tensors.push_back(element.toTensor());
  return tensors;
}

double ms_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

/// Answers one line after the other.
class Session {
 public:
  explicit Session(const TorchPeer& options) : options_(options) {}

  json answer(const std::string& line) {
    const size_t space = std::min(line.find(' '), line.size());
    const std::string verb = line.substr(0, space),
                      rest = line.substr(std::min(space + 1, line.size()));
    if (verb == "load") return {{"ms", load()}};
    if (verb == "run") return {{"ms", run(std::stoi(rest))}};
    if (verb == "output") return {{"outputs", write(rest)}};
    fail_user("what is {}?", quoted(line));
  }

 private:
  double load() {
    for (const auto& file : options_.inputs) inputs_.push_back(to_torch(load_npy(file)));
    const auto start = std::chrono::steady_clock::now();
    auto net = std::make_shared<Module>(load_model(options_.model));
    (*net)->eval();
    if (options_.way == "eager") {
      forward_ = [net](const Tensors& x) { return (*net)->forward(x); };
    } else {
      auto module = std::make_shared<jit::Module>(optimized_trace(*net, inputs_));
      forward_ = [module](const Tensors& x) {
        return tensors_of(module->forward({x.begin(), x.end()}));
      };
      for (int i = 0; i < 3; ++i) outputs_ = forward_(inputs_);  // it still optimises in these
    }
    return ms_since(start);
  }

  std::vector<double> run(int count) {
    std::vector<double> ms;
    for (int i = 0; i < count; ++i) {
      const auto start = std::chrono::steady_clock::now();
      outputs_ = forward_(inputs_);
      ms.push_back(ms_since(start));
    }
    return ms;
  }

  size_t write(const std::string& prefix) const {
    for (size_t k = 0; k < outputs_.size(); ++k) {
      save_npy(fmt::format("{}_{}.npy", prefix, k), from_torch(outputs_[k].contiguous()));
    }
    return outputs_.size();
  }

  const TorchPeer& options_;
  Tensors inputs_, outputs_;
  Forward forward_;
};

void say(const json& answer) { std::cout << answer.dump() << std::endl; }

void serve(const TorchPeer& options) {
  const torch::NoGradGuard no_grad;
  torch::set_num_threads(options.threads);
  say({{"name", fmt::format("LibTorch {} {}", TORCH_VERSION,
                            options.way == "eager" ? "eager" : "optimized trace")}});
  Session session(options);
  for (std::string line; std::getline(std::cin, line);) {
    try {
      say(session.answer(line));
    } catch (const c10::Error& error) {
      say({{"error", std::string(trim(error.what_without_backtrace()))}});
    } catch (const std::exception& error) {
      say({{"error", error.what()}});
    }
  }
}

}  // namespace

void add_torch_peer(CLI::App& app) {
  auto* verb = app.add_subcommand("torch-peer", "LibTorch's side of rung bench")->group("");
  const auto options = std::make_shared<TorchPeer>();
  verb->add_option("WAY", options->way)->required()->check(CLI::IsMember({"eager", "traced"}));
  verb->add_option("MODEL", options->model)->required();
  verb->add_option("THREADS", options->threads)->required();
  verb->add_option("INPUTS", options->inputs);
  verb->callback([options] { serve(*options); });
}

}  // namespace rung::cli
