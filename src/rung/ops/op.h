#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <variant>

#include "rung/ops/activation/activation.h"
#include "rung/ops/attention/attention.h"
#include "rung/ops/conv/conv.h"
#include "rung/ops/elementwise/elementwise.h"
#include "rung/ops/embedding/embedding.h"
#include "rung/ops/layout/layout.h"
#include "rung/ops/leaf/leaf.h"
#include "rung/ops/linear/linear.h"
#include "rung/ops/misc/misc.h"
#include "rung/ops/norm/norm.h"
#include "rung/ops/pool/pool.h"
#include "rung/ops/recurrent/recurrent.h"
#include "rung/ops/reduce/reduce.h"
#include "rung/ops/resize/resize.h"

namespace rung {

/// The only list of ops. Each aspect (shape rule, cost, eager, …) is one overload per entry, and a
/// forgotten one is a compile error that names the op.
// clang-format off
using Op = std::variant<
    ops::Input, ops::Param, ops::Constant,                                             // leaf
    ops::Conv, ops::ConvTranspose,                                                     // conv
    ops::Linear, ops::MatMul,                                                          // linear
    ops::BatchNorm, ops::LayerNorm, ops::GroupNorm, ops::InstanceNorm,                 // norm
    ops::Recurrent,                                                                    // recurrent
    ops::Pool, ops::AdaptivePool,                                                      // pool
    ops::Resize, ops::ResizeLike, ops::CropLike, ops::PadLike, ops::TokensToMap,       // resize
    ops::Pad, ops::Slice, ops::Concat, ops::Split, ops::Stack, ops::Reshape,           // layout
    ops::Flatten, ops::Transpose, ops::Squeeze, ops::Unsqueeze, ops::Expand,           //
    ops::Reduce, ops::Softmax,                                                         // reduce
    ops::Unary, ops::LeakyRelu, ops::Elu, ops::Gelu, ops::Softplus, ops::Clamp, ops::PRelu,
    ops::Binary, ops::Where,                                                           // elementwise
    ops::Embedding, ops::Gather,                                                       // embedding
    ops::Attention,                                                                    // attention
    ops::Dropout, ops::Cast, ops::Detach, ops::FullLike, ops::ArangeLike, ops::Opaque>;  // misc
// clang-format on

/// "Conv". Unary, Binary, Recurrent, Reduce and the pools answer with their function: "relu",
/// "add", "lstm", "mean", "max_pool", "adaptive_average_pool".
std::string_view op_name(const Op& op);

/// The types of the outputs. Throws a user error with the rule that the inputs break.
std::vector<TensorType> infer(const Op& op, ops::Types in);

/// Whether the op reads the sizes of this input, and none of its numbers (`kReadsSizesOf`).
bool reads_only_sizes(const Op& op, size_t input);

/// Multiply-accumulates of matrix products and convolutions; everything else counts zero.
int64_t macs(const Op& op, ops::Types in, ops::Types out);

/// `Conv(stride=[2, 2], groups=4)`: op_name, then the attributes that are not at their defaults.
/// `parse_op` reads it back; it throws a user error that lists the ops, or the attributes, that
/// exist.
std::string to_string(const Op& op);
Op parse_op(std::string_view text);

/// {"op": "Conv", "stride": [2, 2]}: the same as an object. Reading refuses unknown keys and wrong
/// types.
nlohmann::json to_json(const Op& op);
Op op_from_json(const nlohmann::json& json);

/// All that op_name answers, in the order of the list.
std::vector<std::string> op_names();

}  // namespace rung
