#include "rung/train/run_context.h"

#include <ATen/autocast_mode.h>
#include <torch/version.h>

#include "rung/join/pointwise.h"

namespace rung {
namespace {

#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4)
void set_autocast(bool cpu, bool on) {
  const auto device = cpu ? at::kCPU : at::kCUDA;
  if (on) at::autocast::set_autocast_dtype(device, at::kBFloat16);
  at::autocast::set_autocast_enabled(device, on);
}
#else
void set_autocast(bool cpu, bool on) {
  if (cpu) {
    if (on) at::autocast::set_autocast_cpu_dtype(at::kBFloat16);
    at::autocast::set_cpu_enabled(on);
  } else {
    if (on) at::autocast::set_autocast_gpu_dtype(at::kBFloat16);
    at::autocast::set_enabled(on);
  }
}
#endif

}  // namespace

Autocast::Autocast(const TrainOptions& options)
    : on_(options.precision == "bf16"), cpu_(options.device == "cpu") {
  if (on_) set_autocast(cpu_, true);
}

Autocast::~Autocast() {
  if (!on_) return;
  set_autocast(cpu_, false);
  at::autocast::clear_cache();  // the casts of weights that are about to change
}

Batch placed(const Batch& batch, const TrainOptions& options) {
  const at::Device device(options.device);
  const auto input = [&](const at::Tensor& x) {
    const at::Tensor there = x.to(device);
    const bool turned = options.channels_last && there.dim() == 4;
    return turned ? there.contiguous(at::MemoryFormat::ChannelsLast) : there;
  };
  Batch out{input(batch.input), batch.target.to(device)};
  for (const at::Tensor& x : batch.more_inputs) out.more_inputs.push_back(input(x));
  for (const at::Tensor& y : batch.more_targets) out.more_targets.push_back(y.to(device));
  return out;
}

std::vector<at::Tensor> network_inputs(const Graph& graph, const Batch& batch) {
  std::vector<at::Tensor> out = {batch.input};
  out.insert(out.end(), batch.more_inputs.begin(), batch.more_inputs.end());
  for (size_t i = 0; i < out.size(); ++i) {
    const bool map = out[i].dim() > 3;
    if (map && is_channels_last(graph.type({graph.inputs().at(i), 0}))) {
      out[i] = out[i].movedim(1, -1);
    }
  }
  return out;
}

std::vector<at::Tensor> forward(ModuleImpl& net, const Batch& batch) {
  const Graph& graph = net.graph();
  std::vector<at::Tensor> outputs = net.forward(network_inputs(graph, batch));
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (is_channels_last(graph.type(graph.outputs().at(i).value))) {
      outputs[i] = outputs[i].movedim(-1, 1);
    }
  }
  return outputs;
}

}  // namespace rung
