#include "rung/exec/eager/device.h"

#include <torch/cuda.h>
#include <torch/types.h>

#include <optional>

#include "rung/base/error.h"
#include "rung/base/text.h"

namespace rung {

at::Device find_device(const std::string& name) {
  std::optional<at::Device> device;
  try {
    device.emplace(name);
  } catch (const c10::Error&) {
    fail_user("{} is no device; devices are cpu, cuda and cuda:NUMBER", quoted(name));
  }
  try {
    at::empty({1}, at::TensorOptions().device(*device));
  } catch (const c10::Error&) {
    fail_unsupported(
        "device {} is not there{}", quoted(name),
        torch::cuda::is_available() ? "" : ": this machine or this LibTorch has no CUDA");
  }
  return *device;
}

}  // namespace rung
