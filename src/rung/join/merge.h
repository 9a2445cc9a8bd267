#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "rung/graph/builder.h"

namespace rung {

/// What a merge needs of the source before it can meet the target.
enum class Needs {
  kSameType,    ///< the target's whole shape
  kSameExtent,  ///< the target's space or time; any number of channels (concat)
  kSameWidth,   ///< the target's channels or features; any length (append)
  kVector,      ///< one vector per sample (FiLM)
};

/// How a merge keeps the promise of start = identity: exactly the target before training.
enum class Identity {
  kNever,       ///< it cannot; the plan refuses
  kZeroSource,  ///< with a source of zeros: the plan starts the projection at zero where there is
                ///< one
  kOwn,         ///< the recipe sees to it
};

struct MergeInput {
  Builder& builder;  ///< names are put under the skip's name
  Value target;
  Value source;         ///< adapted to what the rule needs
  bool identity;        ///< the result must equal the target before training
  bool source_is_zero;  ///< identity, and the source is zero already (kZeroSource only)
};

/// A merge: which shapes it needs, and a recipe of ordinary ops. The built-in ones are in
/// `join/merge.cpp`, written in this very form; pass one of your own as `Skip::merge`.
struct MergeRule {
  std::string name;
  std::string doc;  ///< one line: the formula
  Needs needs = Needs::kSameType;
  Identity identity = Identity::kNever;
  std::function<Value(const MergeInput&)> build;
  bool per_channel = false;  ///< it has weights, or more channels: their number must be fixed
};

/// Names a built-in rule, or holds the user's.
class Merge {
 public:
  /// Throws a user error that lists the merges where the name is unknown.
  Merge(const char* name) : Merge(std::string(name)) {}  // NOLINT: implicit by design
  Merge(const std::string& name);                        // NOLINT
  Merge(MergeRule rule) : rule_(std::make_shared<MergeRule>(std::move(rule))) {}  // NOLINT
  const MergeRule& rule() const { return *rule_; }

 private:
  std::shared_ptr<const MergeRule> rule_;  ///< shared: specs are copied, rules are not
};

/// The built-in merges, in the order of the documentation.
const std::vector<MergeRule>& merge_rules();

}  // namespace rung
