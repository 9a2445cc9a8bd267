#pragma once

#include <ATen/core/function_schema.h>

#include <map>
#include <string>

#include "rung/exec/eager/trace_record.h"

namespace rung::tracing {

/// Follows which values share memory, so that an in-place operator can be taken as one that gives a
/// new value: true as long as nobody reads the old memory through another value afterwards.
class Aliases {
 public:
  /// Throws an unsupported error where the value was written to through another view of its memory.
  /// `reader` for the message.
  void read(ValueId id, const std::string& reader) const;
  /// The value whose memory the call's outputs share, or none; whatever the call writes to is
  /// stale from now on.
  ValueId apply(const c10::FunctionSchema& schema, const Call& call);
  void add_output(ValueId output, ValueId shares);

 private:
  ValueId root(ValueId id) const;

  std::map<ValueId, ValueId> roots_;      ///< of values that share memory with an earlier one
  std::map<ValueId, std::string> stale_;  ///< and the operator that wrote
};

/// The operator that gives the same values and leaves its inputs alone: add_.Tensor -> add.Tensor.
/// Throws an unsupported error where there is none.
const c10::FunctionSchema& without_mutation(const c10::FunctionSchema& schema);

}  // namespace rung::tracing
