#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "rung/graph/model.h"

namespace rung {

struct ModuleOptions {
  uint64_t seed = 0;             ///< draws the weights that the model lacks
  at::Device device = at::kCPU;  ///< where the weights are put
};

/// Tensors by name.
using TensorMap = std::map<std::string, at::Tensor, std::less<>>;

/// A graph as a torch::nn::Module: parameters and buffers under their names, so optimisers,
/// devices, `train()`, `eval()` and saving work as usual. Weights that came from LibTorch (a traced
/// module's, another Module's) are those very tensors, so training either trains both, and one
/// that does not require gradients stays frozen; all others are copied.
///
/// Running costs what the operators cost: a list of steps, fixed at construction, each freeing the
/// values that nobody needs any more. A batch norm whose weights are all frozen keeps its
/// statistics, in training too.
class ModuleImpl : public torch::nn::Module {
 public:
  /// Throws a user error where a weight does not have the type that the graph declares.
  explicit ModuleImpl(const Model& model, const ModuleOptions& options = {});
  ~ModuleImpl() override;

  /// One input, first output; runs only what it needs.
  at::Tensor forward(const at::Tensor& input);
  /// Inputs in the order of `graph().inputs()`, outputs in that of `graph().outputs()`.
  std::vector<at::Tensor> forward(const std::vector<at::Tensor>& inputs);
  /// Inputs and outputs by name. Throws a user error: a missing input, one that does not exist,
  /// a rank or dtype that differs from what the graph declares. (Sizes may differ; after
  /// `to(dtype)`, floating inputs have that type.)
  TensorMap forward(const TensorMap& inputs);

  /// The values at these taps (see TapIndex), in their order; runs only what they need.
  std::vector<at::Tensor> taps(const std::vector<std::string>& names, const TensorMap& inputs);
  std::vector<at::Tensor> taps(const std::vector<std::string>& names, const at::Tensor& input);

  /// Freezes the parameters whose name, or the name of a layer that holds them, matches one of the
  /// globs (`conv1`, `layer1.*`, `encoder/*.weight`), and returns how many these are. Throws a user
  /// error with the nearest names where a glob matches none.
  size_t freeze(const std::vector<std::string>& globs);

  const Graph& graph() const;
  /// The graph with the weights as they are now: shared memory, not a copy, but for those that
  /// `to(dtype)` gave a type other than the graph's.
  Model model() const;
  /// Parameters and buffers by name.
  const TensorMap& weights() const;

  /// A network of its own: weights copied, frozen ones frozen, in the same mode.
  std::shared_ptr<torch::nn::Module> clone(
      const c10::optional<at::Device>& device = c10::nullopt) const override;
  void to(at::Device device, at::ScalarType dtype, bool non_blocking = false) override;
  void to(at::ScalarType dtype, bool non_blocking = false) override;
  void to(at::Device device, bool non_blocking = false) override;

 private:
  struct Impl;
  void register_weights(const Model& model, uint64_t seed);
  /// Copies weights, constants and mode of a module of the same graph.
  void take_state(const ModuleImpl& other, const c10::optional<at::Device>& device);
  void clone_(torch::nn::Module& other, const c10::optional<at::Device>& device) override;
  std::unique_ptr<Impl> impl_;
};

/// The holder that is passed around, as LibTorch's own modules have one: `net->forward(x)`, or
/// `net(x)`.
class Module : public torch::nn::ModuleHolder<ModuleImpl> {
 public:
  using torch::nn::ModuleHolder<ModuleImpl>::ModuleHolder;
  explicit Module(const Model& model, const ModuleOptions& options = {})
      : ModuleHolder(std::make_shared<ModuleImpl>(model, options)) {}
  at::Tensor operator()(const at::Tensor& input) { return get()->forward(input); }
};

/// The outputs of a model in evaluation mode, without keeping a Module; inputs in their order. The
/// numbers that a compiled program is held to.
std::vector<Tensor> run_eagerly(const Model& model, const std::vector<Tensor>& inputs);

/// Values at taps of a traced or built model in evaluation mode, without keeping a Module:
/// `taps(model, {"layer3"}, x)`.
std::vector<at::Tensor> taps(const Model& model, const std::vector<std::string>& names,
                             const at::Tensor& input);

}  // namespace rung
