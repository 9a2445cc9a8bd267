#pragma once

#include "rung/ops/fields.h"

namespace rung::ops {

/// Rows of a table, torch.nn.Embedding.  inputs  indices […] (whole numbers), weight [V, F];
/// output […, F]: roles (batch, time) of the indices, then feature.  Rank-2 indices without roles
/// are read as (batch, time), and a feature axis of indices as time.
struct Embedding {
  static constexpr std::string_view kName = "Embedding";
  static constexpr auto fields() { return std::tuple<>(); }
  bool operator==(const Embedding&) const = default;
};

/// Entries of an axis by index, ONNX Gather.  inputs  x, indices (whole numbers, any rank);
/// output  x with that axis replaced by the axes of the indices; the one axis of a list of indices
/// keeps the role that it had in x.
struct Gather {
  static constexpr std::string_view kName = "Gather";
  int64_t axis = 0;
  static constexpr auto fields() { return std::make_tuple(field("axis", &Gather::axis)); }
  bool operator==(const Gather&) const = default;
};

std::vector<TensorType> infer(const Embedding&, Types in);
std::vector<TensorType> infer(const Gather&, Types in);
int64_t macs(const Embedding&, Types in, Types out);
int64_t macs(const Gather&, Types in, Types out);

}  // namespace rung::ops
