#include "rung/blocks/transformer.h"

#include <cmath>

#include "rung/base/error.h"

namespace rung::blocks {
namespace {

/// A linear layer drawn as torch.nn.MultiheadAttention draws its own: xavier_uniform_ (fan_in and
/// fan_out as given), bias zero. `prefix` is what its weights are called before "weight" and
/// "bias".
Value attention_linear(Builder& b, const std::string& name, const std::string& prefix, Value x,
                       int64_t out) {
  const int64_t features = b.type(x).shape.back();
  const double bound = std::sqrt(6.0 / static_cast<double>(features + out));
  return b.add(
      name, ops::Linear{},
      {x,
       b.param(prefix + "weight",
               {.shape = {out, features}, .init = ops::InitKind::kUniform, .value = bound}),
       b.param(prefix + "bias", {.shape = {out}})});
}

/// [N, T, F] -> [N, heads, T, F/heads]
Value split_heads(Builder& b, const std::string& name, Value x, int64_t heads) {
  const int64_t features = b.type(x).shape.back();
  x = b.add(name + "_heads", ops::Reshape{.shape = {0, 0, heads, features / heads}}, {x});
  return b.add(name, ops::Transpose{.order = {0, 2, 1, 3}}, {x});
}

Value self_attention(Builder& b, Value x, int64_t heads) {
  const auto scope = b.scope("self_attn");
  const int64_t features = b.type(x).shape.back();
  if (heads < 1 || features % heads != 0) {
    fail_user("{} attention heads do not divide the {} features of {}", heads, features,
              to_string(b.type(x)));
  }
  const Value qkv = attention_linear(b, "in_proj", "in_proj_", x, 3 * features);
  const Value parts =
      b.add("split", ops::Split{.axis = 2, .sizes = {features, features, features}}, {qkv});
  const Value query = split_heads(b, "query", {parts.node, 0}, heads);
  const Value key = split_heads(b, "key", {parts.node, 1}, heads);
  const Value value = split_heads(b, "value", {parts.node, 2}, heads);
  x = b.add("attention", ops::Attention{}, {query, key, value});
  x = b.add("merge", ops::Transpose{.order = {0, 2, 1, 3}}, {x});
  x = b.add("merge_heads", ops::Reshape{.shape = {0, 0, features}}, {x});
  return attention_linear(b, "out_proj", "out_proj.", x, features);
}

/// The patches of an image as a map [N, width, H/patch, W/patch], with their positions added.
Value patches(Builder& b, Value image, const TokenTransformerOptions& options) {
  const Value x =
      b.conv("patch_embedding", image,
             {.out = options.width, .kernel = {options.patch}, .stride = {options.patch}});
  if (!options.position) return x;
  const Shape grid = b.type(x).shape;
  const Value table = b.param("position_embedding", {.shape = {1, options.width, grid[2], grid[3]},
                                                     .init = ops::InitKind::kNormal,
                                                     .value = 0.02});
  const Value fitted =
      b.add("position",
            ops::ResizeLike{.axes = {2, 3}, .like_axes = {2, 3}, .mode = ops::ResizeMode::kLinear},
            {table, x});
  return b.sum("add_position", x, fitted);
}

/// Puts one learned token in front, for whatever batch size: a token of zeros takes its size from
/// the others.
Value with_class_token(Builder& b, Value tokens) {
  const int64_t features = b.type(tokens).shape.back();
  const Value token = b.param(
      "class_token", {.shape = {1, 1, features}, .init = ops::InitKind::kNormal, .value = 0.02});
  const Value first = b.add("first_token", ops::Slice{.axis = 1, .end = 1}, {tokens});
  const Value zeros = b.add("zero_token", ops::FullLike{.value = 0}, {first});
  const Value repeated = b.sum("class_tokens", zeros, token);
  return b.concat("prepend_class_token", {repeated, tokens}, 1);
}

}  // namespace

Value transformer_layer(Builder& b, Value x, const TransformerLayerOptions& options) {
  const int64_t features = b.type(x).shape.back();
  const int64_t wide = options.feed_forward > 0 ? options.feed_forward : 4 * features;
  x = b.sum("add", x, self_attention(b, b.layer_norm("norm1", x), options.heads));
  Value y = b.linear("linear1", b.layer_norm("norm2", x), wide);
  y = b.add("gelu", ops::Gelu{}, {y});
  return b.sum("add_2", x, b.linear("linear2", y, features));
}

Model token_transformer(const TokenTransformerOptions& options) {
  Builder b;
  Value x = patches(b, image_input(b, "input", options.in, options.size), options);
  x = b.add("tokens", ops::Transpose{.order = {0, 2, 1}}, {b.flatten("flatten", x, 2)});
  if (options.class_token) x = with_class_token(b, x);
  for (int64_t i = 0; i < options.layers; ++i) {
    const auto scope = b.scope(fmt::format("layers.{}", i));
    x = transformer_layer(b, x, {.heads = options.heads});
  }
  x = b.layer_norm("norm", x);
  if (options.classes > 0) {
    x = options.class_token ? b.add("pool", ops::Squeeze{.axes = {1}},
                                    {b.add("class", ops::Slice{.axis = 1, .end = 1}, {x})})
                            : b.add("pool", ops::Reduce{.axes = {1}}, {x});
    x = b.linear("head", x, options.classes);
  }
  b.output("output", x);
  return std::move(b).finish();
}

}  // namespace rung::blocks
