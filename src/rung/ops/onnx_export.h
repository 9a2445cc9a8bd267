#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rung/ops/onnx.h"

namespace rung::ops {

/// Tensors of the file that is written, by name.
using OnnxValue = std::string;
using OnnxValues = std::vector<OnnxValue>;

/// A size that is a number, or a tensor [1] (i64) that the file works out when it runs.
struct OnnxSize {
  std::optional<int64_t> number;
  OnnxValue tensor = {};
};

/// One node of a graph that is written as ONNX, and the file to which `to_onnx` adds nodes.
///
/// Sizes are followed as in an import: at the examples' first, then at others. Where a size is the
/// same at all of them it is written as a number; otherwise the file works it out.
class OnnxWriter {
 public:
  virtual ~OnnxWriter() = default;

  virtual int64_t opset() const = 0;
  virtual size_t size() const = 0;  ///< inputs
  virtual OnnxValue in(size_t i) const = 0;
  virtual const TensorType& type(size_t i) const = 0;  ///< of an input, at the example's sizes
  virtual const TensorType& result(size_t port = 0) const = 0;
  virtual Dims sizes(size_t i) const = 0;  ///< of an input
  virtual Dims result_sizes(size_t port = 0) const = 0;
  virtual bool used(size_t port) const = 0;
  /// The numbers of an input that is a weight or a constant, or null.
  virtual const Tensor* numbers(size_t i) const = 0;
  /// Gives up on following sizes: where they vary, the file then holds at the examples' only.
  [[noreturn]] virtual void fix(const Dims& sizes) const = 0;

  OnnxValues inputs() const;  ///< all of them

  /// Adds a node of the default domain.
  virtual OnnxValues add_all(std::string_view op, OnnxValues inputs, OnnxAttributes attributes,
                             size_t outputs) = 0;
  virtual OnnxValue constant(const Tensor& value) = 0;
  /// An initializer of `shape`, made of stretches of the numbers of inputs; `suffix` goes behind
  /// the node's name. A later import takes it apart again.
  struct Piece {
    size_t input;
    int64_t from;  ///< elements
    int64_t to;
    int64_t count;
  };
  virtual OnnxValue packed(const std::string& suffix, Shape shape,
                           const std::vector<Piece>& pieces) = 0;

  OnnxValue add(std::string_view op, OnnxValues inputs, OnnxAttributes attributes = {}) {
    return add_all(op, std::move(inputs), std::move(attributes), 1)[0];
  }
  OnnxValue integers(const Sizes& values);           ///< i64, [n]
  OnnxValue integer(int64_t value);                  ///< i64, []
  OnnxValue number(double value, DType dtype);       ///< []
  OnnxValue filled(int64_t n, double value, DType);  ///< [n]
  OnnxValue cast(OnnxValue x, DType dtype);          ///< whatever x is
  OnnxValue cast_input(size_t i, DType dtype);       ///< nothing where it has that type
  OnnxValue transpose(OnnxValue x, const Sizes& order);
  OnnxValue unsqueeze(OnnxValue x, const Sizes& axes);
  OnnxValue squeeze(OnnxValue x, const Sizes& axes);
  OnnxValue concat(OnnxValues parts, int64_t axis);
  OnnxValue slice(OnnxValue x, int64_t axis, int64_t begin, int64_t end, int64_t step = 1);
  /// "ReduceMean" and the like, which take the axes as an attribute or, in later opsets, as an
  /// input. No axes: all.
  OnnxValue reduce(std::string_view op, OnnxValue x, const Sizes& axes, bool keep);

  /// The size of an axis of input i.
  OnnxSize extent(size_t i, int64_t axis);
  OnnxValue tensor_of(const OnnxSize& size);  ///< [1]
  OnnxSize sum(const OnnxSize& a, const OnnxSize& b);
  OnnxSize difference(const OnnxSize& a, const OnnxSize& b);
  OnnxSize quotient(const OnnxSize& a, int64_t b);  ///< rounded down; a is not below 0
  OnnxSize negated(const OnnxSize& a);
  /// One tensor [n] of all.
  OnnxValue list(const std::vector<OnnxSize>& sizes);
  /// Sizes as a list; those that vary are found among the inputs', or `fix` gives up.
  OnnxValue shape(const Dims& sizes);
  /// x, which has the sizes `from`, in other sizes of as many elements.
  OnnxValue reshape(OnnxValue x, const Dims& from, const Dims& to);
  /// 0, 1, 2, … as a list (i64).
  OnnxValue range(const OnnxSize& size);
};

/// ONNX has 8-bit floats since opset 19, and few operators that take them: throws an unsupported
/// error for the others.
void check_float8(const Op& op, const OnnxWriter& w);

// The nodes of one op: a tensor per output. Throws an unsupported error for what ONNX (at this
// opset) has no nodes for. In ops/<family>/<family>_to_onnx.cpp.
OnnxValues to_onnx(const Conv&, OnnxWriter&);
OnnxValues to_onnx(const ConvTranspose&, OnnxWriter&);
OnnxValues to_onnx(const Linear&, OnnxWriter&);
OnnxValues to_onnx(const MatMul&, OnnxWriter&);
OnnxValues to_onnx(const BatchNorm&, OnnxWriter&);
OnnxValues to_onnx(const LayerNorm&, OnnxWriter&);
OnnxValues to_onnx(const GroupNorm&, OnnxWriter&);
OnnxValues to_onnx(const InstanceNorm&, OnnxWriter&);
OnnxValues to_onnx(const Recurrent&, OnnxWriter&);
OnnxValues to_onnx(const Pool&, OnnxWriter&);
OnnxValues to_onnx(const AdaptivePool&, OnnxWriter&);
OnnxValues to_onnx(const Resize&, OnnxWriter&);
OnnxValues to_onnx(const ResizeLike&, OnnxWriter&);
OnnxValues to_onnx(const CropLike&, OnnxWriter&);
OnnxValues to_onnx(const PadLike&, OnnxWriter&);
OnnxValues to_onnx(const TokensToMap&, OnnxWriter&);
OnnxValues to_onnx(const Pad&, OnnxWriter&);
OnnxValues to_onnx(const Slice&, OnnxWriter&);
OnnxValues to_onnx(const Concat&, OnnxWriter&);
OnnxValues to_onnx(const Split&, OnnxWriter&);
OnnxValues to_onnx(const Stack&, OnnxWriter&);
OnnxValues to_onnx(const Reshape&, OnnxWriter&);
OnnxValues to_onnx(const Flatten&, OnnxWriter&);
OnnxValues to_onnx(const Transpose&, OnnxWriter&);
OnnxValues to_onnx(const Squeeze&, OnnxWriter&);
OnnxValues to_onnx(const Unsqueeze&, OnnxWriter&);
OnnxValues to_onnx(const Expand&, OnnxWriter&);
OnnxValues to_onnx(const Reduce&, OnnxWriter&);
OnnxValues to_onnx(const Softmax&, OnnxWriter&);
OnnxValues to_onnx(const Unary&, OnnxWriter&);
OnnxValues to_onnx(const LeakyRelu&, OnnxWriter&);
OnnxValues to_onnx(const Elu&, OnnxWriter&);
OnnxValues to_onnx(const Gelu&, OnnxWriter&);
OnnxValues to_onnx(const Softplus&, OnnxWriter&);
OnnxValues to_onnx(const Clamp&, OnnxWriter&);
OnnxValues to_onnx(const PRelu&, OnnxWriter&);
OnnxValues to_onnx(const Binary&, OnnxWriter&);
OnnxValues to_onnx(const Where&, OnnxWriter&);
OnnxValues to_onnx(const Embedding&, OnnxWriter&);
OnnxValues to_onnx(const Gather&, OnnxWriter&);
OnnxValues to_onnx(const Attention&, OnnxWriter&);
OnnxValues to_onnx(const Dropout&, OnnxWriter&);
OnnxValues to_onnx(const Cast&, OnnxWriter&);
OnnxValues to_onnx(const Detach&, OnnxWriter&);
OnnxValues to_onnx(const FullLike&, OnnxWriter&);
OnnxValues to_onnx(const ArangeLike&, OnnxWriter&);
OnnxValues to_onnx(const Opaque&, OnnxWriter&);

/// x with a border; `begin` and `end` have a size for every axis (ops/layout).
OnnxValue padded(OnnxWriter& w, OnnxValue x, const Sizes& begin, const Sizes& end, PadMode mode,
                 double value, DType dtype);
/// x, which has the type of input 0 but for axes that were pooled before, with one axis pooled to
/// `to` stretches as torch's adaptive pools have them (ops/pool).
OnnxValue pooled(OnnxWriter& w, OnnxValue x, size_t axis, PoolKind kind, const OnnxSize& to);

}  // namespace rung::ops
