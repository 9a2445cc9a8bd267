#include "rung/ops/onednn.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <new>
#include <type_traits>

#include "rung/base/error.h"
#include "rung/ops/kernel.h"

namespace rung::onednn {
namespace {

/// oneDNN's names of a blocked map of 3, 4 and 5 axes.
using Tag = dnnl::memory::format_tag;
constexpr Tag kBlocks16[] = {Tag::nCw16c, Tag::nChw16c, Tag::nCdhw16c};
constexpr Tag kBlocks8[] = {Tag::nCw8c, Tag::nChw8c, Tag::nCdhw8c};

class Aligned : public Storage {
 public:
  explicit Aligned(int64_t bytes) : bytes_(static_cast<size_t>(bytes)) {
    constexpr size_t kPage = size_t{2} << 20;
    const size_t alignment = bytes_ >= kPage ? kPage : 64;
    const size_t size = (std::max<size_t>(bytes_, 1) + alignment - 1) / alignment * alignment;
    data_ = static_cast<std::byte*>(std::aligned_alloc(alignment, size));
    if (data_ == nullptr) throw std::bad_alloc();
    if (alignment == kPage) madvise(data_, size, MADV_HUGEPAGE);  // a wish; no harm where refused
  }
  ~Aligned() override { std::free(data_); }
  std::byte* data() override { return data_; }
  size_t bytes() const override { return bytes_; }

 private:
  size_t bytes_;
  std::byte* data_ = nullptr;
};

Isa find_isa() {
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")) {
    return Isa::kAvx512;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return Isa::kAvx2;
  return Isa::kBase;
}

}  // namespace

std::shared_ptr<Storage> aligned_memory(int64_t bytes) { return std::make_shared<Aligned>(bytes); }

Isa cpu_isa() {
  static const Isa isa = find_isa();
  return isa;
}

// oneDNN's view decides, and not the CPU alone: DNNL_MAX_CPU_ISA can hold it back.
int64_t channel_block() {
  static const int64_t block = [] {
    const auto isa = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
    const auto wide = static_cast<unsigned>(dnnl::cpu_isa::avx512_core);
    return (isa & wide) == wide ? 16 : 8;
  }();
  return block;
}

bool has_bf16() { return channel_block() == 16; }

bool has_tiles(DType dtype) {
  if (cpu_isa() != Isa::kAvx512 || channel_block() != 16) return false;
  return (dtype == DType::kF32 || dtype == DType::kBF16) && __builtin_cpu_supports("avx512bf16");
}

int64_t channel_blocks(int64_t channels) {
  return (channels + channel_block() - 1) / channel_block();
}

Shape with_rank(const Shape& shape, size_t rank) {
  Shape filled(rank - shape.size(), 1);
  filled.insert(filled.end(), shape.begin(), shape.end());
  return filled;
}

const dnnl::engine& engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

Shape stored_shape(const Shape& shape, Layout layout) {
  Shape stored = shape;
  if (layout == Layout::kPlain) return stored;
  stored[1] = channel_blocks(stored[1]);
  stored.push_back(channel_block());
  return stored;
}

int64_t bytes_of(const Shape& shape, Form form) {
  return element_count(stored_shape(shape, form.layout)) * size_of(form.dtype);
}

dnnl::memory::data_type to_dnnl(DType dtype) {
  using Type = dnnl::memory::data_type;
  switch (dtype) {
    case DType::kF32:
      return Type::f32;
    case DType::kBF16:
      return Type::bf16;
    case DType::kF16:
      return Type::f16;
    case DType::kI32:
      return Type::s32;
    case DType::kI8:
      return Type::s8;
    case DType::kU8:
      return Type::u8;
    default:
      fail_bug("oneDNN has no type for {}", name(dtype));
  }
}

dnnl::memory::desc desc_of(const Shape& shape, Form form) {
  const auto type = to_dnnl(form.dtype);
  if (form.layout == Layout::kBlocked) {
    if (shape.size() < 3 || shape.size() > 5) fail_bug("no blocks for {}", to_string(shape));
    const size_t i = shape.size() - 3;
    return {shape, type, channel_block() == 16 ? kBlocks16[i] : kBlocks8[i]};
  }
  const Shape dims = shape.empty() ? Shape{1} : shape;
  dnnl::memory::dims strides(dims.size(), 1);
  for (size_t i = dims.size() - 1; i > 0; --i) strides[i - 1] = strides[i] * dims[i];
  return {dims, type, strides};
}

MapView map_view(const Shape& shape, Layout layout) {
  const bool blocked = layout == Layout::kBlocked;
  return {.planes = shape[0] * (blocked ? channel_blocks(shape[1]) : shape[1]),
          .space = Shape(shape.begin() + 2, shape.end()),
          .inner = blocked ? channel_block() : 1};
}

void LowerCall::give_up(const std::string& reason) { throw NotLowered{reason}; }

void LowerCall::kernel(std::string what, std::vector<Ref> in, std::vector<Ref> out, Kernel run,
                       std::optional<size_t> over, int64_t scratch) {
  Step made{.what = std::move(what), .in = std::move(in), .out = std::move(out), .over = over};
  made.ways.push_back({.name = "kernel", .kernel = std::move(run), .scratch = scratch});
  step(std::move(made));
}

}  // namespace rung::onednn

namespace rung {

void lower(const Op& op, onednn::LowerCall& call) {
  std::visit(
      [&]<typename T>(const T& alternative) {
        constexpr bool kLeaf = std::is_same_v<T, ops::Input> || std::is_same_v<T, ops::Param> ||
                               std::is_same_v<T, ops::Constant>;
        if constexpr (kLeaf) {
          fail_bug("{} is the compiler's, not lowered", T::kName);
        } else {
          ops::lower(alternative, call);
        }
      },
      op);
}

}  // namespace rung
