#pragma once

#include <ATen/core/function_schema.h>

#include <string>
#include <vector>

#include "rung/exec/eager/torchscript_file.h"

namespace rung::torchscript {

/// A tensor among the arguments of a method; those within tuples are "hx.0", "hx.1", or have the
/// names of a named tuple.
struct InputTensor {
  std::string name;
  std::optional<Shape> shape;  ///< where the user gave one
  at::ScalarType type = at::kFloat;
};

/// The arguments of a method: tensors are inputs of the network, everything else is a constant: the
/// value that the user gives, else the default.
class Arguments {
 public:
  /// Throws a user error for options that name no argument, and for a number without a value; an
  /// unsupported error for arguments of a type that rung cannot make.
  Arguments(const c10::FunctionSchema& schema, const TorchScriptOptions& options);

  /// The inputs, in their order.
  std::vector<InputTensor>& tensors() { return tensors_; }
  const std::vector<InputTensor>& tensors() const { return tensors_; }
  /// Constant tensors among the arguments.
  const std::vector<at::Tensor>& constants() const { return constants_; }

  /// What to call the method with, without the module itself.
  std::vector<c10::IValue> values(const std::vector<at::Tensor>& tensors) const;

 private:
  /// How to make one argument: a constant, a tensor, or a tuple of parts.
  struct Part {
    std::optional<c10::IValue> constant;
    std::optional<size_t> tensor;
    std::vector<Part> parts;
  };

  Part argument(const c10::Argument& argument, const TorchScriptOptions& options);
  Part part(const std::string& name, const c10::Type& type, const TorchScriptOptions& options);
  Part number(const std::string& name, const c10::Type& type, const TorchScriptOptions& options);
  static c10::IValue value(const Part& part, const std::vector<at::Tensor>& tensors);
  void check_names(const TorchScriptOptions& options) const;

  std::vector<Part> parts_;
  std::vector<InputTensor> tensors_;
  std::vector<at::Tensor> constants_;
  std::vector<std::string> names_;
};

/// The tensors of a result, and their names: "output", or the keys of a dictionary and the fields
/// of a named tuple; parts of parts are "layer.0".
struct NamedTensors {
  std::vector<std::string> names;
  std::vector<at::Tensor> tensors;
};

/// Throws an unsupported error for a result with anything else in it. What is None is left out.
NamedTensors named_tensors(const c10::IValue& result);

}  // namespace rung::torchscript
