#pragma once

#include <ATen/ATen.h>

#include "rung/ops/dtype_eager.h"
#include "rung/tensor/tensor.h"

namespace rung {

/// The same memory, both ways, nothing copied. A rung tensor that came from LibTorch gives back
/// that very at::Tensor, so a parameter that a torch::nn::Module owns stays the module's parameter,
/// gradient and all. Reading one that is on a device, or strided, through rung reads a copy.
/// `from_torch` throws an unsupported error for types and layouts that rung lacks.
at::Tensor to_torch(const Tensor& tensor);
Tensor from_torch(const at::Tensor& tensor);

/// Whether the memory is LibTorch's, so that to_torch gives an existing at::Tensor back.
bool is_from_torch(const Tensor& tensor);

}  // namespace rung
