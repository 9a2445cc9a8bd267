#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "rung/ops/op.h"

namespace rung {

/// What an op needs to know of the run besides its inputs.
struct RunContext {
  bool training = false;  ///< dropout acts, batch norms use and update the batch's statistics
  /// The floating type of the whole network after `Module::to(dtype)`; nothing: each op's own.
  c10::optional<at::ScalarType> floating = c10::nullopt;
};

/// Runs one op on LibTorch, differentiable wherever PyTorch's operator is. Inputs in the order of
/// the op's contract, weights among them; one result per output. Buffers (running statistics) are
/// updated in place in training. Input, Param and Constant are the executor's, not run here.
/// Throws a user error with the op and the types of its inputs where LibTorch refuses them.
std::vector<at::Tensor> run(const Op& op, const std::vector<at::Tensor>& in,
                            const RunContext& context);

/// "f32[1, 3, 32, 32]", for messages.
std::string type_text(const at::Tensor& tensor);

namespace ops {
using Tensors = std::vector<at::Tensor>;
#define RUNG_DECLARE_RUN(T) Tensors run(const T& op, const Tensors& in, const RunContext& context)
// One declaration per op that computes; the definitions stand in ops/<family>/<family>_eager.cpp.
RUNG_DECLARE_RUN(Conv);
RUNG_DECLARE_RUN(ConvTranspose);
RUNG_DECLARE_RUN(Linear);
RUNG_DECLARE_RUN(MatMul);
RUNG_DECLARE_RUN(BatchNorm);
RUNG_DECLARE_RUN(LayerNorm);
RUNG_DECLARE_RUN(GroupNorm);
RUNG_DECLARE_RUN(InstanceNorm);
RUNG_DECLARE_RUN(Recurrent);
RUNG_DECLARE_RUN(Pool);
RUNG_DECLARE_RUN(AdaptivePool);
RUNG_DECLARE_RUN(Resize);
RUNG_DECLARE_RUN(ResizeLike);
RUNG_DECLARE_RUN(CropLike);
RUNG_DECLARE_RUN(PadLike);
RUNG_DECLARE_RUN(TokensToMap);
RUNG_DECLARE_RUN(Pad);
RUNG_DECLARE_RUN(Slice);
RUNG_DECLARE_RUN(Concat);
RUNG_DECLARE_RUN(Split);
RUNG_DECLARE_RUN(Stack);
RUNG_DECLARE_RUN(Reshape);
RUNG_DECLARE_RUN(Flatten);
RUNG_DECLARE_RUN(Transpose);
RUNG_DECLARE_RUN(Squeeze);
RUNG_DECLARE_RUN(Unsqueeze);
RUNG_DECLARE_RUN(Expand);
RUNG_DECLARE_RUN(Reduce);
RUNG_DECLARE_RUN(Softmax);
RUNG_DECLARE_RUN(Unary);
RUNG_DECLARE_RUN(LeakyRelu);
RUNG_DECLARE_RUN(Elu);
RUNG_DECLARE_RUN(Gelu);
RUNG_DECLARE_RUN(Softplus);
RUNG_DECLARE_RUN(Clamp);
RUNG_DECLARE_RUN(PRelu);
RUNG_DECLARE_RUN(Binary);
RUNG_DECLARE_RUN(Where);
RUNG_DECLARE_RUN(Embedding);
RUNG_DECLARE_RUN(Gather);
RUNG_DECLARE_RUN(Attention);
RUNG_DECLARE_RUN(Dropout);
RUNG_DECLARE_RUN(Cast);
RUNG_DECLARE_RUN(Detach);
RUNG_DECLARE_RUN(FullLike);
RUNG_DECLARE_RUN(ArangeLike);
RUNG_DECLARE_RUN(Opaque);
#undef RUNG_DECLARE_RUN
}  // namespace ops
}  // namespace rung
