#include "rung/exec/eager/convert.h"

#include "rung/base/error.h"

namespace rung {
namespace {

/// Memory that an at::Tensor owns, wherever it is and however it is strided.
class TorchStorage final : public Storage {
 public:
  explicit TorchStorage(at::Tensor tensor)
      : tensor_(std::move(tensor)),
        type_(tensor_.scalar_type()),
        bytes_(tensor_.numel() * tensor_.element_size()) {}

  /// The tensor's own memory, or a host copy where it is on a device, strided (a module may turn
  /// its weights channels-last), or was given another type since.
  std::byte* data() override {
    const bool plain =
        tensor_.is_cpu() && tensor_.scalar_type() == type_ && tensor_.is_contiguous();
    if (plain) return static_cast<std::byte*>(tensor_.data_ptr());
    const at::Tensor now = tensor_.detach().to(at::kCPU, type_).contiguous();
    if (host_.defined()) {
      host_.copy_(now);  // the same address as before
    } else {
      host_ = now;
    }
    return static_cast<std::byte*>(host_.data_ptr());
  }
  size_t bytes() const override { return bytes_; }
  const at::Tensor& tensor() const { return tensor_; }

 private:
  at::Tensor tensor_;
  at::ScalarType type_;
  size_t bytes_;
  at::Tensor host_;
};

}  // namespace

at::Tensor to_torch(const Tensor& tensor) {
  const at::IntArrayRef shape(tensor.shape());
  if (const auto* torch = dynamic_cast<TorchStorage*>(tensor.storage().get())) {
    return torch->tensor().sizes() == shape ? torch->tensor() : torch->tensor().view(shape);
  }
  const auto options = at::TensorOptions(to_torch(tensor.dtype()));
  if (tensor.elements() == 0) return at::empty(shape, options);
  const auto release = [storage = tensor.storage()](void*) {};
  return at::from_blob(tensor.data(), shape, release, options);
}

Tensor from_torch(const at::Tensor& tensor) {
  if (!tensor.defined()) fail_user("an undefined tensor has no type");
  if (tensor.layout() != at::kStrided) {
    fail_unsupported("sparse and other special tensors are not supported; make it dense first");
  }
  const DType dtype = from_torch(tensor.scalar_type());
  return {dtype, tensor.sizes().vec(), std::make_shared<TorchStorage>(tensor)};
}

bool is_from_torch(const Tensor& tensor) {
  return dynamic_cast<TorchStorage*>(tensor.storage().get()) != nullptr;
}

}  // namespace rung
