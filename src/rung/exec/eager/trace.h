#pragma once

#include <torch/nn/module.h>

#include <concepts>
#include <functional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "rung/base/error.h"
#include "rung/graph/model.h"

namespace rung {

struct TraceOptions {
  /// Names of the inputs; missing ones are "input" for one, "input0", "input1", … for several.
  std::vector<std::string> input_names = {};
  /// Axis roles of the inputs, one list per input; missing: read off the first layers that use
  /// them, else by rank.
  std::vector<Roles> input_roles = {};
  /// Names of the outputs; missing ones are "output" for one, "output0", "output1", … for several.
  std::vector<std::string> output_names = {};
};

using TraceFunction = std::function<std::vector<at::Tensor>(const std::vector<at::Tensor>&)>;

/// Records what `run` does to `examples` as a graph. Modules registered under `root` (null: none)
/// give the names of taps and weights. The weights are the module's own memory.
/// The function runs in evaluation mode, at the examples and at a few other sizes, so that sizes
/// which followed the input's are followed by the graph. An axis whose size it cannot follow is
/// written on the input (ops::Input::fixed, with the reason), and other sizes are refused there.
/// Branches are recorded as they were taken. One on values is found where random values of the same
/// shapes (whole numbers: the examples' own, moved) take another way, and refused; one on
/// is_training() is not seen.
/// Throws a user error where the function has no tensor result, depends on a tensor that is
/// neither input nor registered weight, or gives other operators for another batch size; an
/// unsupported error where it branches on values.
Model trace_function(torch::nn::Module* root, const TraceFunction& run,
                     const std::vector<at::Tensor>& examples, const TraceOptions& options = {});

namespace detail {
std::vector<at::Tensor> results(const at::Tensor& tensor);
std::vector<at::Tensor> results(const std::vector<at::Tensor>& tensors);
template <typename... T>
std::vector<at::Tensor> results(const std::tuple<T...>& tuple) {
  std::vector<at::Tensor> out;
  const auto append = [&](const auto& part) {
    for (auto& tensor : results(part)) out.push_back(std::move(tensor));
  };
  std::apply([&](const auto&... part) { (append(part), ...); }, tuple);
  return out;
}

/// Calls `run` with the tensors as arguments; it may take 1 to 8.
template <size_t N = 1, typename F>
std::vector<at::Tensor> call_with(F& run, const std::vector<at::Tensor>& in) {
  if constexpr (N <= 8) {
    return [&]<size_t... I>(std::index_sequence<I...>) {
      if constexpr (requires { results(run(in[I]...)); }) {
        if (in.size() == N) return results(run(in[I]...));
      }
      return call_with<N + 1>(run, in);
    }
    (std::make_index_sequence<N>{});
  } else {
    fail_user("the traced function does not take {} tensors (trace_function takes any number)",
              in.size());
  }
}
}  // namespace detail

/// Any torch::nn::Module with a `forward` of tensors, or a holder of one, unchanged:
///   auto resnet = rung::trace(*my_resnet, {torch::zeros({1, 3, 224, 224})});
/// Taps carry the module's names (`layer1.0.conv1`), weights its state dict's keys.
template <typename M>
requires std::derived_from<M, torch::nn::Module> Model
trace(M& module, const std::vector<at::Tensor>& examples, const TraceOptions& options = {}) {
  return trace_function(
      &module,
      [&](const std::vector<at::Tensor>& in) {
        const auto forward = [&](const auto&... x) requires requires { module.forward(x...); }
        { return module.forward(x...); };
        return detail::call_with(forward, in);
      },
      examples, options);
}

/// A function or lambda of tensors; pass the modules that it uses as `root`, for their names.
template <typename F>
requires(!std::derived_from<F, torch::nn::Module>) Model
    trace(F&& function, const std::vector<at::Tensor>& examples, const TraceOptions& options = {},
          torch::nn::Module* root = nullptr) {
  return trace_function(
      root, [&](const std::vector<at::Tensor>& in) { return detail::call_with(function, in); },
      examples, options);
}

}  // namespace rung
