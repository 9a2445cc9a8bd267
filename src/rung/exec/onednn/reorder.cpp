#include "rung/exec/onednn/reorder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "rung/base/error.h"
#include "rung/exec/onednn/frame.h"
#include "rung/ops/kernel.h"
#include "rung/ops/layout/move.h"

namespace rung::onednn {
namespace {

std::string text(Form form) {
  return fmt::format("{}{}", name(form.dtype), form.layout == Layout::kBlocked ? " blocked" : "");
}

bool converts(DType dtype) { return dtype == DType::kF32 || dtype == DType::kBF16; }

/// Row-major to row-major, another type.
template <typename From, typename To>
Kernel narrower(int64_t count) {
  return [count](const Pointers& at) {
    const auto* from = reinterpret_cast<const From*>(at.in[0]);
    auto* to = reinterpret_cast<To*>(at.out[0]);
    constexpr int64_t kGrain = 1 << 14;
    parallel_for(count, kGrain, [&](int64_t begin, int64_t end) {
      vectorized([&] {
        const From* in = from;
        To* out = to;
#pragma omp simd
        for (int64_t i = begin; i < end; ++i) store(out + i, load(in + i));
      });
    });
  };
}

/// Between layouts and types, a square of channels and pixels at a time.
template <typename From, typename To, bool kToBlocks>
class Squares {
 public:
  explicit Squares(const Shape& shape)
      : channels_(shape[1]),
        groups_(channel_blocks(shape[1])),
        images_(shape[0]),
        space_(element_count(Shape(shape.begin() + 2, shape.end()))) {}

  void operator()(const Pointers& at) const {
    const auto* in = reinterpret_cast<const From*>(at.in[0]);
    auto* out = reinterpret_cast<To*>(at.out[0]);
    const int64_t pieces = (space_ + kPixels - 1) / kPixels;
    parallel_for(images_ * groups_ * pieces, 4, [&](int64_t begin, int64_t end) {
      vectorized([&] {
        for (int64_t i = begin; i < end; ++i) square(in, out, i / pieces, i % pieces * kPixels);
      });
    });
  }

 private:
  static constexpr int64_t kPixels = 64, kMostBlock = 16;

  inline void square(const From* in, To* out, int64_t plane, int64_t first) const {
    const int64_t block = channel_block(), group = plane % groups_ * block;
    const int64_t count = std::min(block, channels_ - group), n = std::min(kPixels, space_ - first);
    const int64_t blocked = (plane * space_ + first) * block;
    const int64_t plain = (plane / groups_ * channels_ + group) * space_ + first;
    float square[kPixels * kMostBlock];
    if constexpr (kToBlocks) {
      for (int64_t c = 0; c < block; ++c) {
        for (int64_t p = 0; p < n; ++p) {
          square[p * block + c] = c < count ? load(in + plain + c * space_ + p) : 0.0F;
        }
      }
      for (int64_t i = 0; i < n * block; ++i) store(out + blocked + i, square[i]);
    } else {
      for (int64_t i = 0; i < n * block; ++i) square[i] = load(in + blocked + i);
      for (int64_t c = 0; c < count; ++c) {
        for (int64_t p = 0; p < n; ++p) store(out + plain + c * space_ + p, square[p * block + c]);
      }
    }
  }

  int64_t channels_, groups_, images_, space_;
};

Kernel mover(const Shape& shape, Form from, Form to) {
  Mover mover(from.dtype);
  mover.copy(0, View(shape, from), View(shape, to));
  if (to.layout == Layout::kBlocked) mover.fill_up(shape, to);
  return mover.kernel();
}

/// Of floating types, all ways.
Kernel converter(const Shape& shape, Form from, Form to) {
  Kernel kernel;
  with_floating(from.dtype, [&]<typename From>(From) {
    with_floating(to.dtype, [&]<typename To>(To) {
      if (from.layout == to.layout) {
        kernel = narrower<From, To>(bytes_of(shape, from) / size_of(from.dtype));
      } else if (to.layout == Layout::kBlocked) {
        kernel = Squares<From, To, true>(shape);
      } else {
        kernel = Squares<From, To, false>(shape);
      }
    });
  });
  return kernel;
}

}  // namespace

Step copy_step(int64_t bytes) {
  Step step{.what = "copy"};
  step.ways.push_back({.name = "kernel", .kernel = [bytes](const Pointers& at) {
                         constexpr int64_t kGrain = 1 << 16;
                         parallel_for(bytes, kGrain, [&](int64_t begin, int64_t end) {
                           std::memcpy(at.out[0] + begin, at.in[0] + begin,
                                       static_cast<size_t>(end - begin));
                         });
                       }});
  return step;
}

Step reorder_step(const Shape& shape, Form from, Form to) {
  Step step{.what = fmt::format("reorder {} -> {}", text(from), text(to))};
  if (element_count(shape) == 0) {
    step.ways.push_back({.name = "nothing", .kernel = [](const Pointers&) {}});
    return step;
  }
  if (from == to) return copy_step(bytes_of(shape, from));
  Kernel kernel;
  if (from.dtype == to.dtype) {
    kernel = mover(shape, from, to);
  } else if (converts(from.dtype) && converts(to.dtype)) {
    kernel = converter(shape, from, to);
  } else {
    fail_bug("no reorder from {} to {}", name(from.dtype), name(to.dtype));
  }
  step.ways.push_back({.name = "kernel", .kernel = std::move(kernel)});
  return step;
}

Tensor packed_as(const Tensor& value, const dnnl::memory::desc& from,
                 const dnnl::memory::desc& to) {
  const auto bytes = static_cast<int64_t>(to.get_size());
  Tensor made(DType::kU8, {bytes}, aligned_memory(bytes));
  if (value.elements() == 0) return made;
  dnnl::memory src(from, engine(), value.data()), dst(to, engine(), made.data());
  dnnl::stream stream(engine());
  dnnl::reorder(src, dst).execute(stream, src, dst);
  stream.wait();
  return made;
}

Tensor converted(const Tensor& tensor, Form form) {
  const Form plain{tensor.dtype(), Layout::kPlain};
  if (form == plain) return tensor;
  const Step step = reorder_step(tensor.shape(), plain, form);
  const int64_t bytes = bytes_of(tensor.shape(), form);
  Tensor made(DType::kU8, {bytes}, aligned_memory(bytes));
  std::byte* in = tensor.data();
  std::byte* out = made.data();
  step.ways[0].kernel({.in = {&in, 1}, .out = {&out, 1}});
  return made;
}

}  // namespace rung::onednn
