#pragma once

#include "rung/ops/fields.h"

namespace rung::ops {

/// torch.nn.MaxPoolNd and AvgPoolNd.
///   input   x [N, C, S…];  output [N, C, (S + pad - dilation·(kernel - 1) - 1) / stride + 1 …]
/// ceil_mode rounds the division up, but no window starts in the right-hand padding. Roles of x
/// are kept, unknown ones become (batch, channel, space …).
struct Pool {
  static constexpr std::string_view kName = "Pool";
  PoolKind kind = PoolKind::kMax;
  Sizes kernel;    ///< one per spatial axis, or one for all (so for the others)
  Sizes stride;    ///< empty: kernel
  Sizes padding;   ///< one per axis (both ends); at most half of the kernel; empty: 0
  Sizes dilation;  ///< kMax only; empty: 1
  bool ceil_mode = false;
  bool count_include_pad = true;  ///< kAverage: padding counts in the divisor
  static constexpr auto fields() {
    return std::make_tuple(field("kind", &Pool::kind), field("kernel", &Pool::kernel),
                           field("stride", &Pool::stride), field("padding", &Pool::padding),
                           field("dilation", &Pool::dilation), field("ceil_mode", &Pool::ceil_mode),
                           field("count_include_pad", &Pool::count_include_pad));
  }
  bool operator==(const Pool&) const = default;
};

/// Pools to a given size, torch.nn.AdaptiveAvgPoolNd and AdaptiveMaxPoolNd. All ones: global
/// pooling.  input  x [N, C, S…];  output [N, C, size…]; a size of 0 keeps the input's.
struct AdaptivePool {
  static constexpr std::string_view kName = "AdaptivePool";
  PoolKind kind = PoolKind::kAverage;
  Sizes size;
  static constexpr auto fields() {
    return std::make_tuple(field("kind", &AdaptivePool::kind), field("size", &AdaptivePool::size));
  }
  bool operator==(const AdaptivePool&) const = default;
};

std::vector<TensorType> infer(const Pool&, Types in);
std::vector<TensorType> infer(const AdaptivePool&, Types in);
int64_t macs(const Pool&, Types in, Types out);
int64_t macs(const AdaptivePool&, Types in, Types out);

}  // namespace rung::ops
