#pragma once

#include <c10/core/Device.h>

#include <string>

namespace rung {

/// A device by LibTorch's name: "cpu", "cuda", "cuda:1". Throws a user error for a name that
/// LibTorch does not know, an unsupported error where the device is not there.
at::Device find_device(const std::string& name);

}  // namespace rung
