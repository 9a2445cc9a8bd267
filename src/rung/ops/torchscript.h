#pragma once

#include <ATen/core/ivalue.h>

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "rung/ops/import.h"

namespace rung::ops {

/// One call of an ATen operator, as its rule sees it: arguments in the order of the operator's
/// schema, and the graph to which the rule adds ops.
///
/// Readers of numbers throw (an exception of the trace's own) where the number was another at
/// another input size; a rule that can follow sizes asks for `dims` instead.
class AtenCall : public ImportCall {
 public:
  virtual size_t size() const = 0;         ///< arguments
  virtual bool given(size_t i) const = 0;  ///< there is such an argument, and it is not None
  virtual bool is_tensor(size_t i) const = 0;
  virtual Ref tensor(size_t i) = 0;
  /// A list of tensors; a missing one is empty.
  virtual std::vector<std::optional<Ref>> tensors(size_t i) = 0;
  virtual const c10::IValue& value(size_t i) const = 0;
  virtual Dims dims(size_t i) const = 0;  ///< a whole number, or a list of them

  double number(size_t i) const;
  int64_t integer(size_t i) const;
  bool flag(size_t i) const;
  Sizes integers(size_t i) const;
  std::string_view text(size_t i) const;

  /// The sizes of a tensor argument, and of a result.
  virtual Dims sizes(size_t argument) const = 0;
  virtual Dims result_sizes(size_t output = 0) const = 0;
  virtual DType result_dtype(size_t output = 0) const = 0;
  virtual size_t results() const = 0;
  virtual bool used(size_t output) const = 0;
  virtual bool is_zeros(Ref ref) const = 0;  ///< made by zeros() or the like

 protected:
  /// Throws where the argument differs between sizes.
  virtual void check_fixed(size_t i) const = 0;
};

/// What the call becomes: one tensor per result. Nothing: rung has no op for it with these
/// arguments, so it stays an ATen operator (ops::Opaque).
using AtenResult = std::optional<std::vector<Ref>>;
using AtenRule = AtenResult (*)(AtenCall& call);
struct AtenEntry {
  std::string_view name;
  AtenRule rule;
};
using AtenRules = std::span<const AtenEntry>;

/// The rule of an operator, or null.
AtenRule find_rule(std::string_view name);

// One list per family, in ops/<family>/<family>_torchscript.cpp.
AtenRules activation_rules();
AtenRules attention_rules();
AtenRules conv_rules();
AtenRules elementwise_rules();
AtenRules embedding_rules();
AtenRules cut_rules();  // layout, too: slices and pads
AtenRules layout_rules();
AtenRules linear_rules();
AtenRules misc_rules();
AtenRules norm_rules();
AtenRules pool_rules();
AtenRules recurrent_rules();
AtenRules reduce_rules();
AtenRules resize_rules();

}  // namespace rung::ops
