#pragma once

#include <ATen/ATen.h>

#include <string_view>

namespace rung {

/// A number for the content: equal bytes give equal numbers, on every machine.
uint64_t digest_of(std::string_view bytes);
/// Of a contiguous tensor on the CPU, its shape included.
uint64_t digest_of(const at::Tensor& tensor);

}  // namespace rung
