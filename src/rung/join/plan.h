#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "rung/join/spec.h"

namespace rung {

/// One op that a skip needs, and why.
struct Insertion {
  std::string name;  ///< of the node
  std::string op;    ///< printed, "Conv(stride=[2, 2])"
  std::string why;   ///< "128 -> 512 channels"
  TensorType type;   ///< of its result
  int64_t weights = 0;
  int64_t macs = 0;
};

/// What was decided for one skip.
struct SkipPlan {
  std::string name, from, to, merge;
  TensorType source, target, result;
  std::vector<Insertion> insertions;
  int64_t weights = 0;     ///< elements that the skip adds
  int64_t macs = 0;        ///< per run at the planned sizes
  int64_t bytes_held = 0;  ///< the source, kept alive until the merge
};

/// The lines below the skip's own in `JoinPlan::explain`: both ends, the result, and a table of
/// what is inserted, with what it costs and why.
std::string explain_steps(const SkipPlan& plan);

/// The decisions of a join as a value, and the graph that they lead to. The networks that were
/// joined stay as they are.
class JoinPlan {
 public:
  const std::vector<SkipPlan>& skips() const { return skips_; }
  /// What the wires needed, in the same form; `merge` reads "wire".
  const std::vector<SkipPlan>& wires() const { return wires_; }
  /// Outputs of networks that a wire leads out of: they go, where `JoinSpec::outputs` is empty.
  const std::vector<std::string>& left_out() const { return left_out_; }
  /// The plan as a table: what is inserted where and why, weights, MACs, bytes held; then the
  /// inputs and outputs of the joined network, in their order.
  std::string explain() const;
  /// The joined network: a plain graph of ordinary ops, all weights of the originals, the new ones
  /// described (drawn when first needed).
  const Model& apply() const { return result_; }
  /// The same as JSON, for tools and tests.
  nlohmann::json to_json() const;

 private:
  friend JoinPlan plan(const JoinSpec& spec);
  std::vector<SkipPlan> skips_;
  std::vector<SkipPlan> wires_;
  std::vector<std::string> left_out_;
  Model result_;
};

/// Works out every skip. Throws a user error: unknown or ambiguous tap, a loop (printed), a
/// mismatch that the policy forbids to bridge (both ends, the rule and the fix).
JoinPlan plan(const JoinSpec& spec);

/// The spec, call by call:
///   rung::join({encoder, decoder}).wire("encoder/layer4", "decoder/input")
///       .skip({.from = "encoder/layer3", .to = "decoder/up1", .merge = "concat"}).plan()
class Join {
 public:
  explicit Join(std::vector<Model> models) { spec_.models = std::move(models); }
  Join& wire(std::string from, std::string to) {
    spec_.wires.push_back({std::move(from), std::move(to)});
    return *this;
  }
  Join& skip(Skip skip) {
    spec_.skips.push_back(std::move(skip));
    return *this;
  }
  /// Returns the value at a tap as an output of its own.
  Join& tap(std::string name) {
    spec_.extra_outputs.push_back(std::move(name));
    return *this;
  }
  /// Keeps only these outputs.
  Join& keep(std::vector<std::string> outputs) {
    spec_.outputs = std::move(outputs);
    return *this;
  }
  const JoinSpec& spec() const { return spec_; }
  JoinPlan plan() const { return rung::plan(spec_); }

 private:
  JoinSpec spec_;
};
inline Join join(std::vector<Model> models) { return Join(std::move(models)); }
inline Join join(Model model) { return Join({std::move(model)}); }

}  // namespace rung
