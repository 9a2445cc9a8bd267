#pragma once

#include <functional>
#include <memory>
#include <string>

#include "rung/io/pytorch/pickle.h"
#include "rung/tensor/weights.h"

namespace rung {

/// The memory of a storage by its key, aligned for its elements; `bytes` is what it must have.
using StorageSource = std::function<std::shared_ptr<Storage>(const std::string& key, size_t bytes)>;

/// Bytes of an element of a storage type ("torch.FloatStorage"), complex ones included.
size_t element_bytes(const PickleObject& storage);

/// "torch.uint16" for a type of which PyTorch has no storage, only memory of bytes; "" for others.
std::string_view name_without_storage(DType dtype);

/// The tensors of a dict, dense and row-major: those that lie so view their storage, the others are
/// copied, up to `most_copied` bytes altogether. Values that are no tensors are passed over.
/// Throws as load_pth; `file` is for messages.
Weights read_tensors(const PickleObject& dict, const StorageSource& source, int64_t most_copied,
                     const std::string& file);

}  // namespace rung
