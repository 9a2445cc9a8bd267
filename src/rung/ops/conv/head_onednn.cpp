#include "rung/ops/conv/head_onednn.h"

#include <fmt/format.h>

#include "rung/ops/check.h"
#include "rung/ops/kernel.h"
#include "rung/ops/pointwise.h"

namespace rung::ops {
namespace {

using onednn::Form;
using onednn::Kernel;
using onednn::Layout;
using onednn::LowerCall;
using onednn::Pointers;
using onednn::Ref;

constexpr int64_t kMostChannels = 4;
constexpr int64_t kMostBlock = 16;

/// The weights as [O, C filled up to blocks], then the bias.
Tensor packed_head(const Tensor& weight, const Tensor& bias, int64_t filled) {
  const int64_t outputs = weight.shape()[0], channels = weight.shape()[1];
  std::vector<float> values(static_cast<size_t>(outputs * filled + outputs), 0.0F);
  for (int64_t o = 0; o < outputs; ++o) {
    for (int64_t c = 0; c < channels; ++c) {
      values[static_cast<size_t>(o * filled + c)] = static_cast<float>(weight.at(o * channels + c));
    }
    const double shift = bias.defined() ? bias.at(o) : 0;
    values[static_cast<size_t>(outputs * filled + o)] = static_cast<float>(shift);
  }
  return Tensor::f32({outputs * filled + outputs}, std::move(values));
}

/// out[n, o, p] = bias[o] + Σ x[n, g, p, i] · weight[o, g, i], a stretch of pixels at a time.
template <typename T>
Kernel head_kernel(int64_t images, int64_t groups, int64_t pixels, int64_t outputs) {
  const int64_t block = onednn::channel_block();
  return [=](const Pointers& at) {
    const auto* x = reinterpret_cast<const T*>(at.in[0]);
    const auto* weights = reinterpret_cast<const float*>(at.in[1]);
    auto* out = reinterpret_cast<T*>(at.out[0]);
    constexpr int64_t kGrain = 512;
    onednn::parallel_for(images * pixels, kGrain, [&](int64_t begin, int64_t end) {
      onednn::vectorized([&] {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t n = i / pixels, p = i % pixels;
          for (int64_t o = 0; o < outputs; ++o) {
            float lanes[kMostBlock] = {};
            for (int64_t g = 0; g < groups; ++g) {
              const T* from = x + ((n * groups + g) * pixels + p) * block;
              const float* w = weights + (o * groups + g) * block;
              for (int64_t k = 0; k < block; ++k) lanes[k] += onednn::load(from + k) * w[k];
            }
            float sum = weights[outputs * groups * block + o];
            for (int64_t k = 0; k < block; ++k) sum += lanes[k];
            onednn::store(out + (n * outputs + o) * pixels + p, sum);
          }
        }
      });
    });
  };
}

}  // namespace

bool lower_head(const Conv& op, LowerCall& call) {
  const Shape& x = call.in_type(0).shape;
  const Shape& weight = call.in_type(1).shape;
  const bool fits = weight[0] <= kMostChannels && op.groups == 1 && call.posts().empty() &&
                    all_are(Sizes(weight.begin() + 2, weight.end()), 1) && all_are(op.stride, 1) &&
                    all_are(op.padding, 0) && call.form(0).layout == Layout::kBlocked;
  const bool has_bias = call.own_inputs() > 2;
  if (!fits || !call.known(1).defined() || (has_bias && !call.known(2).defined())) return false;
  const int64_t block = onednn::channel_block();
  const int64_t groups = onednn::channel_blocks(x[1]);
  const Tensor weights =
      packed_head(call.known(1), has_bias ? call.known(2) : Tensor(), groups * block);
  const int64_t pixels = element_count(Shape(x.begin() + 2, x.end()));
  const DType dtype = call.form(0).dtype;
  const Ref from = call.in(0), constant = call.constant(weights);
  const Ref to = call.out(0, {dtype, Layout::kPlain});
  onednn::with_floating(dtype, [&]<typename T>(T) {
    call.kernel(fmt::format("conv 1x1, {} -> {}", x[1], weight[0]), {from, constant}, {to},
                head_kernel<T>(x[0], groups, pixels, weight[0]));
  });
  return true;
}

}  // namespace rung::ops
