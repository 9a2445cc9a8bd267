#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "rung/ops/op.h"

namespace rung::ops {

/// A tensor of the graph that a network from elsewhere is turned into.
using Ref = int32_t;

/// A whole number of the network: at the examples' sizes first, then at every other size that was
/// tried.
struct Dim {
  std::vector<int64_t> seen;
  int64_t value() const { return seen.front(); }
  bool varies() const;
};
using Dims = std::vector<Dim>;

/// A tensor with axes of given sizes.
struct Like {
  Ref tensor = 0;
  Sizes axes;
};

/// What made a tensor of the graph.
struct Maker {
  Op op;
  std::vector<Ref> inputs;
};

/// One call of a network that is turned into ops, followed at several sizes of the inputs, and the
/// graph to which its rule adds ops. Traces (AtenCall) and files (OnnxCall) add the arguments.
class ImportCall {
 public:
  virtual ~ImportCall() = default;

  virtual std::string_view name() const = 0;  ///< "aten::add", "Conv"
  virtual const TensorType& type(Ref ref) const = 0;
  virtual Dims sizes_of(Ref ref) const = 0;
  virtual Maker maker_of(Ref ref) const = 0;
  /// Adds an op; all its outputs.
  virtual std::vector<Ref> add_all(Op op, std::vector<Ref> inputs) = 0;
  /// Adds the op that made a tensor, its only output, again: on other inputs, as part of that call.
  virtual Ref add_again(Ref made, std::vector<Ref> inputs) = 0;
  /// A tensor that has axes of these sizes, in this order; the call's own arguments and the
  /// inputs before others.
  virtual std::optional<Like> find_like(const Dims& sizes) = 0;
  /// Gives up on following a size: the graph then holds at the example's only, or the import fails.
  [[noreturn]] virtual void fix(const Dims& sizes) const = 0;

  Ref add(Op op, std::vector<Ref> inputs) { return add_all(std::move(op), std::move(inputs))[0]; }
  /// A number as a rank-0 constant.
  Ref scalar(double value, DType dtype);
  /// The tensor in that dtype.
  Ref cast(Ref ref, DType dtype);
};

}  // namespace rung::ops
