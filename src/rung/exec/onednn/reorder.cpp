#include "rung/exec/onednn/reorder.h"

#include <fmt/format.h>

#include <cstring>

#include "rung/base/error.h"
#include "rung/exec/onednn/frame.h"
#include "rung/ops/kernel.h"

namespace rung::onednn {
namespace {

std::string text(Form form) {
  return fmt::format("{}{}", name(form.dtype), form.layout == Layout::kBlocked ? " blocked" : "");
}

bool known_to_dnnl(DType dtype) { return dtype == DType::kF32 || dtype == DType::kBF16; }

/// Any layout to any, element sizes alone: for types that oneDNN does not know.
Kernel mover(const Shape& shape, Form from, Form to) {
  const int64_t size = size_of(from.dtype), block = channel_block();
  const int64_t channels = shape[1], groups = (channels + block - 1) / block;
  const int64_t space = element_count(Shape(shape.begin() + 2, shape.end()));
  const int64_t images = shape[0];
  const bool fill = to.layout == Layout::kBlocked;
  return [=](const Pointers& at) {
    parallel_for(images * groups, 1, [&](int64_t begin, int64_t end) {
      for (int64_t plane = begin; plane < end; ++plane) {
        const int64_t n = plane / groups, first = plane % groups * block;
        for (int64_t c = first; c < first + block; ++c) {
          for (int64_t s = 0; s < space; ++s) {
            const int64_t blocked = ((plane * space + s) * block + c - first) * size;
            const int64_t plain = ((n * channels + c) * space + s) * size;
            if (c >= channels) {
              if (fill) std::memset(at.out[0] + blocked, 0, static_cast<size_t>(size));
            } else {
              std::memcpy(at.out[0] + (fill ? blocked : plain), at.in[0] + (fill ? plain : blocked),
                          static_cast<size_t>(size));
            }
          }
        }
      }
    });
  };
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
  if (known_to_dnnl(from.dtype) && known_to_dnnl(to.dtype)) {
    const auto src = desc_of(shape, from), dst = desc_of(shape, to);
    dnnl::primitive_attr attr;
    attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const dnnl::reorder::primitive_desc pd(engine(), src, engine(), dst, attr);
    step.ways.push_back({.name = pd.impl_info_str(),
                         .primitive = dnnl::reorder(pd),
                         .args = {{DNNL_ARG_FROM, 0, src}, {DNNL_ARG_TO, 1, dst}},
                         .scratch = static_cast<int64_t>(pd.scratchpad_desc().get_size())});
    return step;
  }
  if (from.dtype != to.dtype) {
    fail_bug("no reorder from {} to {}", name(from.dtype), name(to.dtype));
  }
  if (from.layout == to.layout) return copy_step(bytes_of(shape, from));
  step.ways.push_back({.name = "kernel", .kernel = mover(shape, from, to)});
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
  if (known_to_dnnl(tensor.dtype()) && known_to_dnnl(form.dtype)) {
    return packed_as(tensor, desc_of(tensor.shape(), plain), desc_of(tensor.shape(), form));
  }
  const Step step = reorder_step(tensor.shape(), plain, form);
  const int64_t bytes = bytes_of(tensor.shape(), form);
  Tensor made(DType::kU8, {bytes}, aligned_memory(bytes));
  std::byte* in = tensor.data();
  std::byte* out = made.data();
  step.ways[0].kernel({.in = {&in, 1}, .out = {&out, 1}});
  return made;
}

}  // namespace rung::onednn
