#pragma once

#include <optional>
#include <string>

#include "rung/graph/builder.h"
#include "rung/join/plan.h"

namespace rung {

/// Builds what one skip inserts, and writes down each step with its reason for the plan.
class SkipWriter {
 public:
  /// `skip.name` must be set; nodes go under it.
  SkipWriter(Builder& builder, const Skip& skip, SkipPlan& plan)
      : builder_(builder), skip_(skip), plan_(plan) {}

  Builder& builder() { return builder_; }
  const Skip& skip() const { return skip_; }

  /// Runs `build`, whose nodes are named under the skip, and records what it added.
  template <typename F>
  Value step(const std::string& why, F build) {
    const size_t before = builder_.graph().size();
    const auto scope = builder_.scope(skip_.name);
    const Value value = build(builder_);
    record(before, why);
    return value;
  }
  /// The same for a layer that the user named: `custom` whole, or `name` under the skip.
  template <typename F>
  Value layer(const std::string& custom, const std::string& name, const std::string& why, F build) {
    if (custom.empty()) return step(why, [&](Builder& b) { return build(b, name); });
    const size_t before = builder_.graph().size();
    const Value value = build(builder_, custom);
    record(before, why);
    return value;
  }

  /// Throws the user error of a join that is not possible: both ends, the rule, the fix.
  [[noreturn]] void refuse(const std::string& rule, const std::string& fix) const;

 private:
  void record(size_t before, const std::string& why);

  Builder& builder_;
  const Skip& skip_;
  SkipPlan& plan_;
};

struct Adapted {
  Value source;
  Value target;       ///< changed only where the target side is projected
  bool zero = false;  ///< the source starts at zero
};

/// Makes a source fit what its merge needs of the target: bridges rank and layout, aligns space or
/// time, projects channels, in that order of decision (a projection stands where it is cheaper).
Adapted adapt(SkipWriter& writer, Value source, Value target);

/// The order that brings the features of a target whose axes are not known to the end, where a
/// merge with weights for each of them needs them; nothing where they are there, or the merge needs
/// none.
std::optional<ops::Sizes> features_last(Builder& builder, const MergeRule& rule, Value target);

/// Makes the value that a wire carries fit a declared input. Extents stay as they are, for the
/// network behind the wire takes any. `image` gives the aspect to tokens that become a map.
Value adapt_wire(SkipWriter& writer, Value source, const TensorType& declared,
                 std::optional<Value> image);

}  // namespace rung
