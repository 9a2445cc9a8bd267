#include "rung/exec/onednn/program.h"

#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <list>

#include "rung/base/cores.h"
#include "rung/base/error.h"
#include "rung/base/statistics.h"
#include "rung/base/text.h"
#include "rung/exec/onednn/pipeline.h"
#include "rung/ops/kernel.h"
#include "rung/ops/onednn.h"

namespace rung {
namespace {

using onednn::Compiled;
using onednn::Frame;
using onednn::ThreadScope;

/// A frame of a program, for one run.
class Borrowed {
 public:
  explicit Borrowed(Compiled& compiled) : compiled_(compiled) {
    {
      const std::lock_guard lock(compiled.mutex);
      if (!compiled.frames.empty()) {
        frame_ = std::move(compiled.frames.back());
        compiled.frames.pop_back();
      }
    }
    if (!frame_) frame_ = std::make_unique<Frame>(compiled.plan);
  }
  ~Borrowed() {
    const std::lock_guard lock(compiled_.mutex);
    compiled_.frames.push_back(std::move(frame_));
  }
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;
  Frame* operator->() { return frame_.get(); }

 private:
  Compiled& compiled_;
  std::unique_ptr<Frame> frame_;
};

std::vector<std::byte*> addresses(const std::vector<Tensor>& tensors) {
  std::vector<std::byte*> list;
  for (const Tensor& tensor : tensors) list.push_back(tensor.data());
  return list;
}

}  // namespace

std::filesystem::path CompileOptions::default_plan_cache() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  if (cache != nullptr && *cache != '\0') return std::filesystem::path(cache) / "rung/plans.json";
  if (home == nullptr || *home == '\0') return {};
  return std::filesystem::path(home) / ".cache/rung/plans.json";
}

struct Program::Impl {
  Impl(const Model& model, CompileOptions asked)
      : graph(model.graph), options(std::move(asked)), cache(options.cache) {
    if (options.threads < 0)
      fail_user("{} threads: from 1 on, or 0 for every core", options.threads);
    if (options.threads == 0) options.threads = usable_cores();
    if (options.precision == Precision::kBf16 && !onednn::has_bf16()) {
      fail_user("bf16 needs a CPU with AVX-512, which this one lacks; f32 runs everywhere");
    }
    for (const NodeId id : graph.inputs()) names.push_back(graph.node(id).name);
    const ThreadScope threads(options.threads);
    prepared = onednn::prepare(model, options);
  }

  /// The program for these shapes (by input, as given), compiled on first use.
  std::shared_ptr<Compiled> at(const std::vector<Shape>& shapes) {
    const std::lock_guard lock(mutex);
    for (auto it = programs.begin(); it != programs.end(); ++it) {
      if (it->first != shapes) continue;
      programs.splice(programs.begin(), programs, it);
      return it->second;
    }
    InputShapes sizes;
    for (size_t i = 0; i < names.size(); ++i) {
      const auto id = prepared.model.graph.find(names[i]);
      if (id && shapes[i] != prepared.model.graph.type({*id, 0}).shape) sizes[names[i]] = shapes[i];
    }
    const ThreadScope threads(options.threads);
    std::shared_ptr<Compiled> made =
        onednn::compile_for(prepared, names, sizes, options, packer, cache);
    programs.emplace_front(shapes, made);
    if (programs.size() > std::max<size_t>(options.shapes, 1)) programs.pop_back();
    return made;
  }

  std::vector<Shape> example() const {
    std::vector<Shape> shapes;
    for (const NodeId id : graph.inputs()) shapes.push_back(graph.type({id, 0}).shape);
    return shapes;
  }

  void check(const std::vector<Tensor>& inputs) const {
    if (inputs.size() != names.size()) {
      std::vector<std::string> list;
      for (const auto& name : names) list.push_back(quoted(name));
      fail_user("the network takes {} inputs ({}), not {}", names.size(), join(list, ", "),
                inputs.size());
    }
    for (size_t i = 0; i < names.size(); ++i) {
      const TensorType& type = graph.type({*graph.find(names[i]), 0});
      const Tensor& given = inputs[i];
      if (!given.defined()) fail_user("input {} has no value", quoted(names[i]));
      if (given.dtype() == type.dtype && given.shape().size() == type.rank()) continue;
      fail_user("input {} is {}{}, but the network takes {}", quoted(names[i]), name(given.dtype()),
                to_string(given.shape()), to_string(type));
    }
  }

  std::shared_ptr<Compiled> at(const std::vector<Tensor>& inputs) {
    check(inputs);
    std::vector<Shape> shapes;
    for (const Tensor& input : inputs) shapes.push_back(input.shape());
    return at(shapes);
  }

  const Graph graph;
  CompileOptions options;
  std::vector<std::string> names;
  onednn::Prepared prepared;

  std::mutex mutex;  ///< guards what follows
  onednn::Packer packer;
  onednn::PlanCache cache;
  std::list<std::pair<std::vector<Shape>, std::shared_ptr<Compiled>>> programs;
};

namespace {

/// The memory of a call in the order of the plan.
struct Aim {
  std::vector<std::byte*> inputs, outputs;
  Aim(const Compiled& compiled, const std::vector<Tensor>& in, const std::vector<Tensor>& out)
      : outputs(addresses(out)) {
    for (const size_t i : compiled.used_inputs) inputs.push_back(in[i].data());
  }
};

std::vector<Tensor> new_outputs(const Compiled& compiled) {
  std::vector<Tensor> outputs;
  for (const TensorType& type : compiled.outputs) {
    outputs.emplace_back(type.dtype, type.shape, onednn::aligned_memory(type.bytes()));
  }
  return outputs;
}

void check_outputs(const Compiled& compiled, const std::vector<Tensor>& outputs) {
  if (outputs.size() != compiled.outputs.size()) {
    fail_user("the network has {} outputs, and {} tensors were given for them",
              compiled.outputs.size(), outputs.size());
  }
  for (size_t k = 0; k < outputs.size(); ++k) {
    const TensorType& type = compiled.outputs[k];
    if (outputs[k].defined() && outputs[k].dtype() == type.dtype &&
        outputs[k].shape() == type.shape) {
      continue;
    }
    fail_user("output {} is {}, and the tensor given for it is not", k, to_string(type));
  }
}

}  // namespace

std::vector<Tensor> Program::run(const std::vector<Tensor>& inputs) const {
  const auto compiled = impl_->at(inputs);
  std::vector<Tensor> outputs = new_outputs(*compiled);
  const Aim aim(*compiled, inputs, outputs);
  const ThreadScope threads(impl_->options.threads);
  Borrowed(*compiled)->run(aim.inputs, aim.outputs);
  return outputs;
}

void Program::run(const std::vector<Tensor>& inputs, std::vector<Tensor>& outputs) const {
  const auto compiled = impl_->at(inputs);
  check_outputs(*compiled, outputs);
  const Aim aim(*compiled, inputs, outputs);
  const ThreadScope threads(impl_->options.threads);
  Borrowed(*compiled)->run(aim.inputs, aim.outputs);
}

Program::Times Program::time(const std::vector<Tensor>& inputs, int runs) const {
  using Clock = std::chrono::steady_clock;
  const auto compiled = impl_->at(inputs);
  const std::vector<Tensor> outputs = new_outputs(*compiled);
  const Aim aim(*compiled, inputs, outputs);
  const ThreadScope threads(impl_->options.threads);
  Borrowed frame(*compiled);
  Times times;
  std::vector<double> wholes, steps;
  std::vector<std::vector<double>> by_step;
  for (int run = 0; run <= std::max(runs, 1); ++run) {
    frame->run_timed(aim.inputs, aim.outputs, steps);
    const auto start = Clock::now();
    frame->run(aim.inputs, aim.outputs);
    if (run == 0) continue;
    wholes.push_back(std::chrono::duration<double>(Clock::now() - start).count());
    by_step.resize(steps.size());
    for (size_t i = 0; i < steps.size(); ++i) by_step[i].push_back(steps[i]);
  }
  times.whole = median(wholes);
  for (auto& one : by_step) times.steps.push_back(median(one));
  return times;
}

CompileReport Program::report(const InputShapes& shapes) const {
  std::vector<Shape> sizes = impl_->example();
  for (const auto& [name, shape] : shapes) {
    const std::string& full = name.empty() ? only_input(impl_->names, shape) : name;
    const auto place = std::find(impl_->names.begin(), impl_->names.end(), full);
    if (place == impl_->names.end()) fail_user("the network has no input {}", quoted(full));
    sizes[static_cast<size_t>(place - impl_->names.begin())] = shape;
  }
  return impl_->at(sizes)->report;
}

const Graph& Program::graph() const { return impl_->graph; }
const CompileOptions& Program::options() const { return impl_->options; }

Program compile(const Model& model, const CompileOptions& options) {
  Program program;
  program.impl_ = std::make_shared<Program::Impl>(model, options);
  program.impl_->at(program.impl_->example());
  return program;
}

}  // namespace rung
