#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "rung/ops/import.h"

namespace rung::ops {

/// The value of a node's attribute. Graphs, types and sparse tensors are not among them.
using OnnxAttribute = std::variant<int64_t, double, std::string, Sizes, std::vector<double>,
                                   std::vector<std::string>, Tensor>;
using OnnxAttributes = std::map<std::string, OnnxAttribute, std::less<>>;

/// ONNX's numbers for types (TensorProto.DataType); nothing for a type that rung lacks.
std::optional<DType> dtype_from_onnx(int64_t type);
int64_t dtype_to_onnx(DType dtype);

/// One node of an ONNX graph, as its rule sees it, and the graph to which the rule adds ops.
///
/// Some inputs are numbers that are known before anything runs (the sizes that a Reshape asks for):
/// `known` says so. Readers of such numbers throw where they are not known, or differ between sizes
/// of the network's inputs; a rule that can follow sizes asks for `dims` instead.
class OnnxCall : public ImportCall {
 public:
  virtual int64_t opset() const = 0;
  virtual size_t size() const = 0;         ///< inputs, as listed
  virtual bool given(size_t i) const = 0;  ///< there is such an input, and it has a name
  virtual Ref tensor(size_t i) = 0;
  /// The same; where it is a weight, one that no optimiser moves, such as a running mean.
  virtual Ref buffer(size_t i) = 0;
  /// The weight of a linear layer, [O, I], that an exporter has turned round to [I, O].
  virtual std::optional<Ref> turned_weight(size_t i) = 0;
  virtual Dims sizes(size_t i) const = 0;  ///< of an input
  virtual size_t rank(size_t i) const = 0;
  virtual DType dtype(size_t i) const = 0;
  virtual bool known(size_t i) const = 0;
  /// The same numbers at every size of the inputs.
  virtual Tensor constant(size_t i) const = 0;
  virtual Dims dims(size_t i) const = 0;
  virtual size_t results() const = 0;
  virtual bool used(size_t output) const = 0;
  /// A weight of the node's own, made from others: "lstm.weight_ih_l0".
  virtual Ref weight(const std::string& suffix, Tensor value) = 0;

  double number(size_t i) const;
  int64_t integer(size_t i) const;
  Sizes integers(size_t i) const;
  std::vector<double> numbers(size_t i) const;

  // Attributes: of another type than asked for, they throw.
  bool has(std::string_view attribute) const { return attributes_->contains(attribute); }
  int64_t integer(std::string_view attribute, std::optional<int64_t> fallback = {}) const;
  double number(std::string_view attribute, std::optional<double> fallback = {}) const;
  Sizes integers(std::string_view attribute, Sizes fallback = {}) const;
  std::vector<double> numbers(std::string_view attribute, std::vector<double> fallback = {}) const;
  std::string text(std::string_view attribute, std::string fallback = {}) const;
  std::vector<std::string> texts(std::string_view attribute) const;
  const Tensor* tensor_attribute(std::string_view attribute) const;

  /// The numbers of input i, or of an attribute, where an older opset has them there.
  Sizes integers(size_t i, std::string_view attribute) const;

  Ref unary(UnaryFn fn, Ref x) { return add(Unary{fn}, {x}); }
  /// a and b in one dtype (a's).
  Ref binary(BinaryFn fn, Ref a, Ref b) { return add(Binary{fn}, {a, cast(b, type(a).dtype)}); }
  /// a and a number. (No overload: a Ref is a number, too.)
  Ref with_number(BinaryFn fn, Ref a, double b) { return binary(fn, a, scalar(b, type(a).dtype)); }

 protected:
  explicit OnnxCall(const OnnxAttributes& attributes) : attributes_(&attributes) {}

 private:
  template <typename T>
  const T* attribute(std::string_view name) const;
  const OnnxAttributes* attributes_;
};

/// What the node becomes: one tensor per output that is used (0 for one that is not). Throws an
/// unsupported error for what rung cannot do.
using OnnxResult = std::vector<Ref>;
using OnnxRule = OnnxResult (*)(OnnxCall& call);
struct OnnxEntry {
  std::string_view name;
  OnnxRule rule;
};
using OnnxRules = std::span<const OnnxEntry>;

/// The rule of an operator of the default domain, or null.
OnnxRule find_onnx_rule(std::string_view name);

// One list per family, in ops/<family>/<family>_onnx.cpp.
OnnxRules activation_onnx();
OnnxRules attention_onnx();
OnnxRules conv_onnx();
OnnxRules elementwise_onnx();
OnnxRules embedding_onnx();
OnnxRules layout_onnx();
OnnxRules linear_onnx();
OnnxRules misc_onnx();
OnnxRules norm_onnx();
OnnxRules pool_onnx();
OnnxRules quantize_onnx();  // in ops/misc
OnnxRules recurrent_onnx();
OnnxRules reduce_onnx();
OnnxRules resize_onnx();
OnnxRules signal_onnx();  // in ops/misc

/// An ATen operator that rung has no op for, argument by argument in the order of its schema.
///   Aten(call, "aten::cumsum").input(x).integer(1).none().like(0)
class Aten {
 public:
  Aten(ImportCall& call, std::string schema) : call_(call), op_{.schema = std::move(schema)} {}
  Aten& input(Ref x);
  Aten& inputs(const std::vector<Ref>& list);
  Aten& none();
  Aten& flag(bool value);
  Aten& integer(int64_t value);
  Aten& integers(const Sizes& value);
  Aten& number(double value);
  Aten& text(const std::string& value);
  /// One output, of the type of input k.
  Ref like(size_t k = 0);
  /// One output, of the sizes of input k.
  Ref like(size_t k, DType dtype);
  /// Values of the type of the first input, and places (i64) of its sizes.
  std::vector<Ref> both_like();
  /// Outputs of these types, at the examples' sizes only.
  std::vector<Ref> give(std::vector<TensorType> types);

 private:
  Aten& argument(const char* kind, std::string json);
  ImportCall& call_;
  Opaque op_;
  std::vector<Ref> in_;
};

/// x in another type. 8-bit floats take their largest number for what is beyond it, unless the
/// node's attribute `saturate` is 0.
Ref converted(OnnxCall& call, Ref x, DType dtype);
/// x with the entries of an axis in the opposite order.
Ref flipped(ImportCall& call, Ref x, int64_t axis);
/// x[index[i, …], …] along an axis, torch.gather; of the sizes of the index.
Ref taken_along(ImportCall& call, Ref x, int64_t axis, Ref index);

}  // namespace rung::ops
