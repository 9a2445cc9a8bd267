#pragma once

#include "rung/blocks/conv.h"
#include "rung/graph/model.h"

namespace rung::blocks {

struct TransformerLayerOptions {
  int64_t heads = 3;         ///< must divide the tokens' features
  int64_t feed_forward = 0;  ///< width of linear1; 0: four times the features
};

/// torch.nn.TransformerEncoderLayer(norm_first=True, batch_first=True, activation="gelu") without
/// dropout, with its names of weights, in the current scope: norm1, self_attn, add, norm2, linear1,
/// gelu, linear2, add_2.  [N, T, F] -> [N, T, F]
/// Throws a user error where the heads do not divide F.
Value transformer_layer(Builder& b, Value x, const TransformerLayerOptions& options);

struct TokenTransformerOptions {
  int64_t in = 3;       ///< channels of the image
  int64_t patch = 16;   ///< pixels of a patch's side
  int64_t width = 192;  ///< features of a token
  int64_t layers = 4;
  int64_t heads = 3;
  bool position = true;      ///< a learned position embedding, resized to the image's grid
  bool class_token = false;  ///< one more token, in front of the others
  int64_t classes = 0;       ///< 0: the tokens are the result; otherwise a `head` on their mean,
                             ///< or on the class token where there is one
  ImageSize size = {};
};

/// A transformer on image patches (pre-norm). Images of any size of at least one patch work;
/// what does not fill a patch at the right and the bottom is left out.
///   input  "input" [N, in, H, W];
///   output "output" [N, ⌊H/patch⌋·⌊W/patch⌋ (+1), width], or [N, classes]
///   taps   patch_embedding, layers.0 … layers.N-1, norm
Model token_transformer(const TokenTransformerOptions& options = {});

}  // namespace rung::blocks
