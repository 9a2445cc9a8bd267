#include <fmt/format.h>

#include "rung/base/error.h"
#include "rung/ops/conv/conv_parts_onednn.h"
#include "rung/ops/conv/patch_onednn.h"
#include "rung/ops/kernel.h"
#include "rung/ops/onednn.h"

namespace rung::ops {
namespace {

using dnnl::memory;
using onednn::desc_of;
using onednn::Form;
using onednn::Kernel;
using onednn::Layout;
using onednn::LowerCall;
using onednn::Pointers;
using onednn::Step;

/// weight [C, O/groups, K…] as oneDNN has it: [(groups,) O, C, K…], each of one group.
Tensor swapped(const Tensor& weight, int64_t groups) {
  const int64_t in = weight.shape()[0] / groups, out = weight.shape()[1];
  const int64_t kernel = element_count(Shape(weight.shape().begin() + 2, weight.shape().end()));
  Shape shape = groups > 1 ? Shape{groups, out, in} : Shape{out, in};
  shape.insert(shape.end(), weight.shape().begin() + 2, weight.shape().end());
  Tensor made(DType::kF32, shape);
  const auto from = weight.as<float>();
  const auto to = made.as<float>();
  for (int64_t g = 0; g < groups; ++g) {
    for (int64_t c = 0; c < in; ++c) {
      for (int64_t o = 0; o < out; ++o) {
        std::copy_n(from.begin() + ((g * in + c) * out + o) * kernel, kernel,
                    to.begin() + ((g * out + o) * in + c) * kernel);
      }
    }
  }
  return made;
}

/// oneDNN's primitive; false where it has nothing but a reference kernel.
bool lower_primitive(const ConvTranspose& op, LowerCall& call, Layout layout) {
  const Shape& x = call.in_type(0).shape;
  const ConvWindow window = window_of(op, call.in_type(1).shape);
  const Form form{DType::kF32, layout};
  const Tensor weight = swapped(call.known(1), op.groups);
  const bool has_bias = call.own_inputs() > 2;
  const auto src = desc_of(x, form), dst = desc_of(call.out_type().shape, form);
  const memory::desc weights(weight.shape(), memory::data_type::f32, memory::format_tag::any);
  const memory::desc bias = has_bias ? desc_of({call.out_type().shape[1]}, {}) : memory::desc();
  // The output's end decides what lies beyond it: output_padding is part of the padding here.
  Sizes end = window.end;
  const Sizes extra =
      per_axis(ConvTranspose::kName, "output_padding", op.output_padding, end.size(), 0, 0);
  for (size_t i = 0; i < end.size(); ++i) end[i] -= extra[i];
  const auto found = onednn::implementations<dnnl::deconvolution_forward>(
      1, {}, dnnl::prop_kind::forward_inference, dnnl::algorithm::deconvolution_direct, src,
      weights, bias, dst, window.stride, window.gaps, window.begin, end);
  if (found.empty() || onednn::is_slow(found[0].name())) return false;
  Step step{.what = fmt::format("transposed conv, {} -> {}", x[1], call.out_type().shape[1])};
  step.in = {call.in(0, form)};
  if (has_bias) step.in.push_back(call.in(2, {DType::kF32, Layout::kPlain}));
  step.ways.push_back(convolution_way(found[0], step.in.size(),
                                      call.packed(weight, found[0].wants(DNNL_ARG_WEIGHTS)),
                                      has_bias ? std::optional<size_t>(1) : std::nullopt));
  step.out = {call.out(0, form)};
  call.step(std::move(step));
  return true;
}

/// Up to three axes, those that are missing in front of one element.
struct Loops {
  int64_t images, groups, in, out;  ///< channels of one group
  Shape from, to, kernel, stride, dilation, begin;
};

Shape three(Sizes sizes, int64_t fill) {
  sizes.insert(sizes.begin(), 3 - sizes.size(), fill);
  return sizes;
}

/// One output plane: every input pixel and weight that reaches it, added up. Row-major.
void add_plane(const Loops& l, const float* x, const float* weight, float* y) {
  for (int64_t kz = 0; kz < l.kernel[0]; ++kz) {
    for (int64_t ky = 0; ky < l.kernel[1]; ++ky) {
      for (int64_t kx = 0; kx < l.kernel[2]; ++kx) {
        const float w = weight[(kz * l.kernel[1] + ky) * l.kernel[2] + kx];
        for (int64_t z = 0; z < l.from[0]; ++z) {
          const int64_t oz = z * l.stride[0] + kz * l.dilation[0] - l.begin[0];
          if (oz < 0 || oz >= l.to[0]) continue;
          for (int64_t v = 0; v < l.from[1]; ++v) {
            const int64_t oy = v * l.stride[1] + ky * l.dilation[1] - l.begin[1];
            if (oy < 0 || oy >= l.to[1]) continue;
            const float* row = x + (z * l.from[1] + v) * l.from[2];
            float* out = y + (oz * l.to[1] + oy) * l.to[2];
            for (int64_t u = 0; u < l.from[2]; ++u) {
              const int64_t ox = u * l.stride[2] + kx * l.dilation[2] - l.begin[2];
              if (ox >= 0 && ox < l.to[2]) out[ox] += row[u] * w;
            }
          }
        }
      }
    }
  }
}

Kernel loops(Loops l, bool has_bias) {
  return [=](const Pointers& at) {
    const auto* x = reinterpret_cast<const float*>(at.in[0]);
    const auto* weight = reinterpret_cast<const float*>(at.in[1]);
    const auto* bias = has_bias ? reinterpret_cast<const float*>(at.in[2]) : nullptr;
    auto* y = reinterpret_cast<float*>(at.out[0]);
    const int64_t outs = l.groups * l.out, ins = l.groups * l.in;
    const int64_t from = element_count(l.from), to = element_count(l.to),
                  kernel = element_count(l.kernel);
    onednn::parallel_for(l.images * outs, 1, [&](int64_t begin, int64_t end) {
      for (int64_t plane = begin; plane < end; ++plane) {
        const int64_t n = plane / outs, o = plane % outs, g = o / l.out;
        float* out = y + plane * to;
        std::fill_n(out, to, bias != nullptr ? bias[o] : 0.0F);
        for (int64_t c = g * l.in; c < (g + 1) * l.in; ++c) {
          add_plane(l, x + (n * ins + c) * from, weight + (c * l.out + o % l.out) * kernel, out);
        }
      }
    });
  };
}

void lower_loops(const ConvTranspose& op, LowerCall& call) {
  const Shape& x = call.in_type(0).shape;
  const Shape& weight = call.in_type(1).shape;
  const Shape& y = call.out_type().shape;
  const ConvWindow window = window_of(op, call.in_type(1).shape);
  Sizes steps = window.gaps;
  for (int64_t& step : steps) ++step;
  const auto space = [](const Shape& shape) { return three({shape.begin() + 2, shape.end()}, 1); };
  const Loops l{.images = x[0],
                .groups = op.groups,
                .in = x[1] / op.groups,
                .out = weight[1],
                .from = space(x),
                .to = space(y),
                .kernel = space(weight),
                .stride = three(window.stride, 1),
                .dilation = three(steps, 1),
                .begin = three(window.begin, 0)};
  const Form form{DType::kF32, Layout::kPlain};
  std::vector<onednn::Ref> in = {call.in(0, form), call.in(1, form)};
  const bool has_bias = call.own_inputs() > 2;
  if (has_bias) in.push_back(call.in(2, form));
  call.kernel(fmt::format("transposed conv in loops, {} -> {}", x[1], y[1]), std::move(in),
              {call.out(0, form)}, loops(l, has_bias));
}

}  // namespace

void lower(const ConvTranspose& op, LowerCall& call) {
  const DType dtype = call.in_type(0).dtype;
  if (dtype != DType::kF32) {
    call.give_up(fmt::format("transposed convolutions of {} have no kernel", name(dtype)));
  }
  const bool empty = call.in_type(0).elements() == 0 || call.out_type().elements() == 0;
  const Shape& weight = call.in_type(1).shape;
  if (!empty && call.known(1).defined() && weight.size() <= 5) {
    if (is_patchwise(op, weight)) return lower_patchwise(op, call);
    const bool blocks = op.groups == 1;
    if (blocks && lower_primitive(op, call, Layout::kBlocked)) return;
    if (lower_primitive(op, call, Layout::kPlain)) return;
  }
  lower_loops(op, call);
}

}  // namespace rung::ops
