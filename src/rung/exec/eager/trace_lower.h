#pragma once

#include <map>
#include <string>
#include <vector>

#include "rung/exec/eager/trace_record.h"
#include "rung/ops/torchscript.h"

namespace rung::tracing {

/// Thrown where a graph cannot follow a size: the places (in the list of records) where it differs
/// from the first.
struct SizeVaries {
  std::vector<size_t> records;
  std::string what;
};

/// A node of the graph to be; named later.
struct LoweredNode {
  Op op;
  std::vector<ops::Ref> inputs;
  std::vector<TensorType> types;
  std::string leaf;  ///< the name of an input or a weight
  std::optional<size_t> call;
  Tensor value = {};  ///< of a weight that the function makes
};

struct Lowered {
  std::vector<LoweredNode> nodes;
  std::vector<std::pair<size_t, int32_t>> refs;  ///< node and port
  std::vector<ops::Ref> results;
  std::vector<std::string> calls;  ///< name of every call of the record, without aten::
  std::vector<std::optional<std::string>> scopes;  ///< of every call
};

/// Turns matmul(x, t(weight)) + bias into one call of aten::linear.
void fuse_linear(Record& record);

/// Turns records of one program (at several sizes, the examples' first) into ops. Only what the
/// results need. Calls that no op fits stay ATen operators (ops::Opaque).
/// Throws SizeVaries; a user error for a tensor that `repeat`, a second record at the first sizes,
/// shows to come from outside.
Lowered lower(const std::vector<const Record*>& records, const Record& repeat, const Source& source,
              const std::vector<std::string>& input_names, const std::vector<ops::Input>& inputs);

/// Axis roles of an input, read off the first layers that use it, else by rank.
Roles guess_roles(const Record& record, size_t input);

}  // namespace rung::tracing
