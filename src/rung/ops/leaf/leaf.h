#pragma once

#include "rung/ops/fields.h"
#include "rung/tensor/tensor.h"

namespace rung::ops {

/// A value that the caller gives at every run. Its name is the key that the caller uses.
/// Inputs: none. Output: `type`. Other sizes than the type's may be given at a run, but on the axes
/// in `fixed`: a traced function whose sizes a graph cannot follow holds at the traced one only.
struct Input {
  static constexpr std::string_view kName = "Input";
  TensorType type;
  std::vector<int64_t> fixed;  ///< axes, ascending
  std::string why;             ///< what cannot follow them
  static constexpr auto fields() {
    return std::make_tuple(field("type", &Input::type), field("fixed", &Input::fixed),
                           field("why", &Input::why));
  }
  bool operator==(const Input&) const = default;
};

/// How a weight is drawn when no file provides it. Formulas as in torch.nn.init.
enum class InitKind {
  kZeros,
  kOnes,
  kConstant,  ///< value
  kUniform,   ///< U(-value, value)
  kNormal,    ///< N(0, value²)
  /// Ones where out channel = in channel at the centre of the kernel, else zeros: a convolution
  /// or linear layer that hands its first channels on unchanged.
  kDirac,
};
constexpr std::string_view kInitKindNames[] = {"zeros",   "ones",   "constant",
                                               "uniform", "normal", "dirac"};
constexpr std::span<const std::string_view> names(InitKind) { return kInitKindNames; }

/// A weight. Its name is its key in the weights (a PyTorch state dict's key). Nothing is drawn
/// until somebody needs the bytes, so describing a network costs no memory.
/// Inputs: none. Output: `dtype` [shape], roles unknown.
struct Param {
  static constexpr std::string_view kName = "Param";
  DType dtype = DType::kF32;
  Shape shape;
  InitKind init = InitKind::kZeros;
  double value = 0;     ///< of kConstant, kUniform, kNormal
  bool buffer = false;  ///< state that no optimiser moves, such as a batch norm's running mean
  static constexpr auto fields() {
    return std::make_tuple(field("dtype", &Param::dtype), field("shape", &Param::shape),
                           field("init", &Param::init), field("value", &Param::value),
                           field("buffer", &Param::buffer));
  }
  bool operator==(const Param&) const = default;
};

/// A small literal tensor, part of the graph itself (large ones are Params with buffer = true).
/// Inputs: none. Output: the tensor's type, roles unknown.
struct Constant {
  static constexpr std::string_view kName = "Constant";
  Tensor value;
  static constexpr auto fields() { return std::make_tuple(field("value", &Constant::value)); }
  bool operator==(const Constant& other) const { return value.identical(other.value); }
};

/// Throws a user error with the axis, both sizes and the reason where `shape` differs from the type
/// of the input `name` on a fixed axis. `shape` has the type's rank.
void check_fixed_axes(const Input& op, std::string_view name, std::span<const int64_t> shape);

std::vector<TensorType> infer(const Input&, Types in);
std::vector<TensorType> infer(const Param&, Types in);
std::vector<TensorType> infer(const Constant&, Types in);
int64_t macs(const Input&, Types in, Types out);
int64_t macs(const Param&, Types in, Types out);
int64_t macs(const Constant&, Types in, Types out);

}  // namespace rung::ops
