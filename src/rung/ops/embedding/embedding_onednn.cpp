#include <cstring>

#include "rung/base/error.h"
#include "rung/ops/kernel.h"
#include "rung/ops/layout/layout_onednn.h"
#include "rung/ops/layout/move.h"

namespace rung::ops {
namespace {

using onednn::Form;
using onednn::Layout;
using onednn::LowerCall;
using onednn::Pointers;
using onednn::Ref;
using onednn::View;

int64_t index_at(const std::byte* indices, DType dtype, int64_t i) {
  const auto read = [&]<typename T>(T value) {
    std::memcpy(&value, indices + i * static_cast<int64_t>(sizeof(T)), sizeof(T));
    return static_cast<int64_t>(value);
  };
  switch (dtype) {
    case DType::kI64:
      return read(int64_t{});
    case DType::kI32:
      return read(int32_t{});
    case DType::kI16:
      return read(int16_t{});
    case DType::kI8:
      return read(int8_t{});
    case DType::kU8:
      return read(uint8_t{});
    case DType::kU16:
      return read(uint16_t{});
    case DType::kU32:
      return read(uint32_t{});
    case DType::kU64:
      return read(uint64_t{});
    default:
      fail_bug("indices of {}", name(dtype));
  }
}

/// Pieces of `bytes` bytes, of which each of `outer` groups has `size`, looked up by index.
struct Lookup {
  std::string_view op;
  DType index = DType::kI64;
  int64_t outer = 1, size = 0, count = 0, bytes = 0;
  bool negative = false;  ///< indices below zero count from the end

  void operator()(const Pointers& pointers) const {
    const std::byte* indices = pointers.in[1];
    for (int64_t i = 0; i < count; ++i) {
      const int64_t at = index_at(indices, index, i);
      if (at >= size || at < (negative ? -size : 0)) {
        fail_user("{}: index {} is outside of the {} entries", op, at, size);
      }
    }
    constexpr int64_t kGrainBytes = 32 << 10;
    onednn::parallel_for(outer * count, kGrainBytes / std::max<int64_t>(bytes, 1),
                         [&](int64_t begin, int64_t end) {
                           for (int64_t i = begin; i < end; ++i) {
                             const int64_t at = index_at(indices, index, i % count);
                             const int64_t from = i / count * size + (at < 0 ? at + size : at);
                             std::memcpy(pointers.out[0] + i * bytes, pointers.in[0] + from * bytes,
                                         static_cast<size_t>(bytes));
                           }
                         });
  }
};

/// One entry of an axis of input 0, which the graph names: no index is looked up when it runs.
void lower_entry(LowerCall& call, size_t axis, int64_t entry) {
  const Shape& from = call.in_type(0).shape;
  const Form form = {call.form(0).dtype, Layout::kPlain};
  const Ref in = row_major(call, 0);
  if (const auto offset = piece_offset(from, form, axis, entry, 1)) {
    return call.out_is(0, call.part(in, call.out_type().shape, form, *offset), form);
  }
  Shape to = from;
  to[axis] = 1;
  onednn::Mover mover(form.dtype);
  mover.copy(0, View(from, form).cut(axis, entry, 1), View(to, form));
  call.kernel("gather", {in}, {call.out(0, form)}, mover.kernel());
}

}  // namespace

void lower(const Embedding&, LowerCall& call) {
  const Shape& table = call.in_type(1).shape;
  const Form form = {call.form(1).dtype, Layout::kPlain};
  const Ref indices = call.in(0, {call.in_type(0).dtype, Layout::kPlain});
  call.kernel("embedding", {call.in(1, form), indices}, {call.out(0, form)},
              Lookup{.op = Embedding::kName,
                     .index = call.in_type(0).dtype,
                     .size = table[0],
                     .count = call.in_type(0).elements(),
                     .bytes = table[1] * size_of(form.dtype)});
}

void lower(const Gather& op, LowerCall& call) {
  const Shape& shape = call.in_type(0).shape;
  const size_t axis = resolve_axis(op.axis, shape.size());
  const int64_t count = call.in_type(1).elements();
  if (const Tensor known = call.known(1); known.defined() && count == 1) {
    const auto entry = static_cast<int64_t>(known.at(0));
    if (entry >= -shape[axis] && entry < shape[axis]) {
      return lower_entry(call, axis, entry < 0 ? entry + shape[axis] : entry);
    }
  }
  Lookup lookup{.op = Gather::kName,
                .index = call.in_type(1).dtype,
                .size = shape[axis],
                .count = count,
                .bytes = size_of(call.form(0).dtype),
                .negative = true};
  for (size_t i = 0; i < axis; ++i) lookup.outer *= shape[i];
  for (size_t i = axis + 1; i < shape.size(); ++i) lookup.bytes *= shape[i];
  const Ref indices = call.in(1, {call.in_type(1).dtype, Layout::kPlain});
  const Form form = {call.form(0).dtype, Layout::kPlain};
  call.kernel("gather", {row_major(call, 0), indices}, {call.out(0, form)}, lookup);
}

}  // namespace rung::ops
