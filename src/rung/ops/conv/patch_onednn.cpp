#include "rung/ops/conv/patch_onednn.h"

#include <fmt/format.h>

#include <cstring>

#include "rung/ops/conv/conv_parts_onednn.h"
#include "rung/ops/kernel.h"
#include "rung/ops/post_ops.h"

namespace rung::ops {
namespace {

using dnnl::memory;
using onednn::desc_of;
using onednn::Form;
using onednn::Kernel;
using onednn::Layout;
using onednn::LowerCall;
using onednn::Pointers;
using onednn::Ref;
using onednn::Step;

int64_t filled(int64_t channels) {
  return onednn::channel_blocks(channels) * onednn::channel_block();
}

/// weight [C, O, K…] as that of a 1×1 convolution [K…·O', C, 1…], O' filled up to blocks.
Tensor as_product(const Tensor& weight, int64_t places) {
  const int64_t in = weight.shape()[0], out = weight.shape()[1], wide = filled(out);
  Shape shape(weight.shape().size(), 1);
  shape[0] = places * wide;
  shape[1] = in;
  Tensor made(DType::kF32, shape);
  const auto from = weight.as<float>();
  const auto to = made.as<float>();
  for (int64_t k = 0; k < places; ++k) {
    for (int64_t o = 0; o < out; ++o) {
      for (int64_t c = 0; c < in; ++c) {
        to[static_cast<size_t>((k * wide + o) * in + c)] =
            from[static_cast<size_t>((c * out + o) * places + k)];
      }
    }
  }
  return made;
}

Tensor repeated(const Tensor& bias, int64_t places) {
  const int64_t wide = filled(bias.elements());
  Tensor made(DType::kF32, {places * wide});
  for (int64_t i = 0; i < places * wide; ++i) {
    made.set(i, i % wide < bias.elements() ? bias.at(i % wide) : 0);
  }
  return made;
}

/// Patches [N, K…, O/b, S…, b] as [N, O/b, S·K…, b]; with fewer axes than three, those in front are
/// of one pixel.
Kernel lay_out(int64_t images, int64_t groups, Shape space, Shape kernel, int64_t block_bytes) {
  space.insert(space.begin(), 3 - space.size(), 1);
  kernel.insert(kernel.begin(), 3 - kernel.size(), 1);
  const int64_t places = element_count(kernel), pixels = element_count(space);
  const int64_t depth = space[0] * kernel[0], height = space[1] * kernel[1];
  return [=](const Pointers& at) {
    const auto bytes = static_cast<size_t>(block_bytes);
    onednn::parallel_for(images * groups * depth * height, 1, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const int64_t plane = row / (depth * height), z = row / height % depth, y = row % height;
        const int64_t n = plane / groups, g = plane % groups;
        const int64_t first = (z % kernel[0] * kernel[1] + y % kernel[1]) * kernel[2];
        const int64_t line = (z / kernel[0] * space[1] + y / kernel[1]) * space[2];
        std::byte* to = at.out[0] + row * space[2] * kernel[2] * block_bytes;
        for (int64_t k = 0; k < kernel[2]; ++k) {
          const std::byte* from =
              at.in[0] + (((n * places + first + k) * groups + g) * pixels + line) * block_bytes;
          for (int64_t x = 0; x < space[2]; ++x) {
            std::memcpy(to + (x * kernel[2] + k) * block_bytes, from + x * block_bytes, bytes);
          }
        }
      }
    });
  };
}

}  // namespace

bool is_patchwise(const ConvTranspose& op, const Shape& weight) {
  const ConvWindow window = window_of(op, weight);
  return window.kernel.size() <= 3 && op.groups == 1 && window.stride == window.kernel &&
         all_are(op.padding, 0) && all_are(op.output_padding, 0) && all_are(window.gaps, 0) &&
         weight[1] % onednn::channel_block() == 0;
}

void lower_patchwise(const ConvTranspose&, LowerCall& call) {
  const Shape& x = call.in_type(0).shape;
  const Tensor weight = call.known(1);
  const bool has_bias = call.own_inputs() > 2;
  const Shape kernel(weight.shape().begin() + 2, weight.shape().end());
  const int64_t places = element_count(kernel), out = weight.shape()[1];
  const Form form{call.storage(DType::kF32), Layout::kBlocked};
  Shape patches = x;
  patches[1] = places * filled(out);

  const Tensor product = as_product(weight, places);
  const auto type = onednn::to_dnnl(form.dtype);
  const memory::desc bias = has_bias ? desc_of({patches[1]}, {}) : memory::desc();
  const Sizes ones(kernel.size(), 1), zeros(kernel.size(), 0);
  const auto posts = onednn::post_ops(
      call, {.dims = patches, .form = form, .channel = 1, .operands = has_bias ? 2U : 1U});
  const auto found = onednn::implementations<dnnl::convolution_forward>(
      1, posts.ops, dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct,
      desc_of(x, form), memory::desc(product.shape(), type, memory::format_tag::any), bias,
      desc_of(patches, form), ones, zeros, zeros, zeros);
  if (found.empty()) call.give_up("oneDNN has no kernel for its product");

  Step step{.what = fmt::format("transposed conv as a product, {} -> {}{}", x[1], out, posts.text)};
  step.in = {call.in(0, form)};
  if (has_bias) step.in.push_back(call.constant(repeated(call.known(2), places)));
  step.ways.push_back(convolution_way(found[0], step.in.size(),
                                      call.packed(product, found[0].wants(DNNL_ARG_WEIGHTS)),
                                      has_bias ? std::optional<size_t>(1) : std::nullopt));
  const Ref made = call.temporary(patches, form);
  step.out = {made};
  call.step(std::move(step));
  call.kernel("its patches laid out", {made}, {call.out(0, form)},
              lay_out(x[0], filled(out) / onednn::channel_block(), Shape(x.begin() + 2, x.end()),
                      kernel, onednn::channel_block() * size_of(form.dtype)));
}

}  // namespace rung::ops
