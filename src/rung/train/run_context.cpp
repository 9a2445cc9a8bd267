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
  Batch out{batch.input.to(device), batch.target.to(device)};
  if (options.channels_last && out.input.dim() == 4) {
    out.input = out.input.contiguous(at::MemoryFormat::ChannelsLast);
  }
  return out;
}

at::Tensor network_input(const Graph& graph, const Batch& batch) {
  const bool turned =
      batch.input.dim() > 3 && is_channels_last(graph.type({graph.inputs().at(0), 0}));
  return turned ? batch.input.movedim(1, -1) : batch.input;
}

at::Tensor forward(ModuleImpl& net, const Batch& batch) {
  const at::Tensor output = net.forward(network_input(net.graph(), batch));
  const bool turned = is_channels_last(net.graph().type(net.graph().outputs().at(0).value));
  return turned ? output.movedim(-1, 1) : output;
}

}  // namespace rung
