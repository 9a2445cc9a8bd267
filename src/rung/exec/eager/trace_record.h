#pragma once

#include <ATen/ATen.h>
#include <ATen/core/ivalue.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rung/exec/eager/trace_source.h"

namespace torch::jit::tracer {
struct TracingState;
}

namespace rung::tracing {

/// A tensor of a record: its place in `Record::values`.
using ValueId = int32_t;
constexpr ValueId kNoValue = -1;

struct TracedValue {
  at::ScalarType type = at::kFloat;
  Shape sizes;
  at::Tensor constant;  ///< defined where the value was neither given nor computed
  bool asked = false;   ///< the function asked for its sizes
};

/// An argument of a call: a tensor, a list of tensors (some may be missing), or anything else.
struct Argument {
  enum class Kind { kTensor, kTensors, kConstant };
  Kind kind = Kind::kConstant;
  std::vector<ValueId> tensors;  ///< one where kTensor
  c10::IValue constant;
};

/// One ATen operator as it was called. In-place operators stand as those that give a new value.
struct Call {
  std::string name;    ///< "aten::conv2d"
  std::string schema;  ///< with overload, arguments and results
  std::vector<Argument> arguments;
  std::vector<ValueId> outputs;
  std::optional<std::string> scope;  ///< the path of the module that called, where that is known
};

/// What a function did to some tensors: values in the order in which they came to be, the inputs
/// first, then the weights.
struct Record {
  std::vector<TracedValue> values;
  size_t inputs = 0;
  size_t weights = 0;
  std::vector<Call> calls;
  std::vector<ValueId> results;
  std::vector<at::Tensor> given;    ///< the inputs
  std::vector<at::Tensor> outputs;  ///< the results' values
};

/// Runs the function and records it. Throws a user error where it has no tensor result, or uses a
/// tensor that requires gradients and is neither input nor weight; an unsupported error where it
/// writes into a part of a tensor. What the function throws goes through.
Record record(const TraceFunction& run, const std::vector<at::Tensor>& inputs,
              const std::vector<TracedWeight>& weights);

/// Tells a recording that is under way which module calls the next operators; none: nobody knows.
void announce_module(const std::optional<std::string>& path);

/// Tells a recording that is under way that the function asks for the sizes of this tensor.
void announce_sizes_of(const at::Tensor& tensor);

/// Keeps a recording that is under way from what is called while this lives: its results are
/// constants there.
class Untraced {
 public:
  Untraced();
  ~Untraced();
  Untraced(const Untraced&) = delete;
  Untraced& operator=(const Untraced&) = delete;

 private:
  std::shared_ptr<torch::jit::tracer::TracingState> state_;
};

/// Whether both are the same operators on the same tensors; numbers may differ.
bool same_program(const Record& a, const Record& b);

}  // namespace rung::tracing
