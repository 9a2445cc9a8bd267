#pragma once

#include "rung/ops/fields.h"

namespace rung::ops {

/// softmax(q kᵀ · scale + mask) v, torch.nn.functional.scaled_dot_product_attention.
///   inputs  q […, T, E], k […, S, E], v […, S, F], where has_mask: mask, broadcast to […, T, S],
///           bool (true: attend) or additive;  output […, T, F], roles of q
/// `causal` hides later positions.
struct Attention {
  static constexpr std::string_view kName = "Attention";
  bool causal = false;
  bool has_mask = false;
  std::optional<double> scale;  ///< missing: 1 / sqrt(E)
  static constexpr auto fields() {
    return std::make_tuple(field("causal", &Attention::causal),
                           field("has_mask", &Attention::has_mask),
                           field("scale", &Attention::scale));
  }
  bool operator==(const Attention&) const = default;
};

std::vector<TensorType> infer(const Attention&, Types in);
int64_t macs(const Attention&, Types in, Types out);

}  // namespace rung::ops
