#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "rung/exec/eager/trace_lower.h"

namespace rung::tracing {

/// Walks the calls of records of one program and turns each into ops.
class Lowering {
 public:
  Lowering(const std::vector<const Record*>& records, const Record& repeat, const Source& source);

  Lowered run(const std::vector<std::string>& names, const std::vector<ops::Input>& inputs);

 private:
  friend class CallView;

  const TracedValue& traced(ValueId id) const { return base_.values[static_cast<size_t>(id)]; }
  ops::Dims sizes(ValueId id) const {
    ops::Dims out(traced(id).sizes.size());
    for (const Record* record : records_) {
      const Shape& shape = record->values[static_cast<size_t>(id)].sizes;
      for (size_t i = 0; i < out.size(); ++i) out[i].seen.push_back(shape.at(i));
    }
    return out;
  }
  /// Throws SizeVaries with the records in which `differs`.
  template <typename F>
  void check_same(const std::string& what, const F& differs) const {
    SizeVaries varies{{}, what};
    for (size_t i = 1; i < records_.size(); ++i) {
      if (differs(i)) varies.records.push_back(i);
    }
    if (!varies.records.empty()) throw varies;
  }

  const LoweredNode& maker(ops::Ref ref) const {
    return out_.nodes[out_.refs[static_cast<size_t>(ref)].first];
  }
  ops::Dims sizes_of(ops::Ref ref) const;
  void bind(ValueId id, ops::Ref ref);
  std::vector<ValueId> values_with(const ops::Dims& sizes) const;
  std::vector<ops::Ref> add(LoweredNode node) {
    std::vector<ops::Ref> out;
    for (size_t port = 0; port < node.types.size(); ++port) {
      out_.refs.emplace_back(out_.nodes.size(), static_cast<int32_t>(port));
      out.push_back(static_cast<ops::Ref>(out_.refs.size()) - 1);
    }
    out_.nodes.push_back(std::move(node));
    return out;
  }
  std::vector<TensorType> types(const std::vector<ops::Ref>& refs) const {
    std::vector<TensorType> out;
    for (const ops::Ref ref : refs) out.push_back(type(ref));
    return out;
  }
  const TensorType& type(ops::Ref ref) const {
    const auto [node, port] = out_.refs[static_cast<size_t>(ref)];
    return out_.nodes[node].types[static_cast<size_t>(port)];
  }
  ops::Ref leaf(Op op, std::string name) {
    auto types = infer(op, {});
    return add({std::move(op), {}, std::move(types), std::move(name), {}})[0];
  }

  ops::Ref ref(ValueId id);
  ops::Ref constant(ValueId id);
  void lower_call(size_t index);
  void drop_unneeded();
  bool fits(const Call& call, const std::vector<ops::Ref>& refs) const;
  std::vector<ops::Ref> opaque(size_t index);

  const std::vector<const Record*>& records_;
  const Record& base_;
  const Record& repeat_;
  const Source& source_;
  Lowered out_;
  std::map<ValueId, ops::Ref> refs_;
  std::map<ops::Ref, ValueId> values_;  ///< of those that are values of the trace
  std::map<std::vector<int64_t>, std::vector<ValueId>> axes_;  ///< values with such an axis
  std::set<ValueId> used_;
};

}  // namespace rung::tracing
