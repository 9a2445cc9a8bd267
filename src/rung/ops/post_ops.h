#pragma once

#include "rung/ops/onednn.h"
#include "rung/ops/onednn_v2.h"

namespace rung::onednn {

/// Posts of a call as oneDNN applies them, with what their operands add to the step.
struct PostOps {
  PostOpList ops;
  std::vector<Ref> in = {};             ///< operands: to stand behind the step's own inputs
  std::vector<PrimitiveArg> args = {};  ///< theirs; to stand behind the primitive's own
  std::optional<size_t> over = {};      ///< the step's input that the result is added to in place:
                                        ///< Step::over, with Step::accumulates
  std::string text = {};                ///< " + add + relu": for Step::what
};

/// The result of a primitive, as it sees it.
struct PostTarget {
  Shape dims;       ///< of its destination; the graph's sizes, or rows × columns of the same
  Form form;        ///< of the destination
  size_t channel;   ///< the axis of `dims` along which a small operand may lie
  size_t operands;  ///< how many inputs the step has in front of the posts' own
};

/// Whether a pointwise op on f32 has the same numbers as a post-op behind those, within 1e-6. For a
/// Binary its operand must fit too.
bool fits_post_op(const Op& op, bool swapped = false, std::span<const Post> before = {});

/// Whether the other side of a Binary fits: as large as the result, one number, or one for each
/// index of the result's axis `channel` (a convolution's 1, the last one of Linear and MatMul).
bool fits_post_operand(const Shape& operand, const Shape& result, size_t channel);

/// Translates call.posts(), which must fit. With `as_sum` the first sum with an operand as large as
/// the result becomes an accumulation in place (PostOps::over), where it is the first to need one.
PostOps post_ops(LowerCall& call, const PostTarget& target, bool as_sum = false);

/// The index of the post that `as_sum` would accumulate, if there is one.
std::optional<size_t> sum_post(const LowerCall& call);

}  // namespace rung::onednn
