#include <type_traits>

#include "rung/ops/kernel.h"
#include "rung/ops/layout/layout_onednn.h"
#include "rung/ops/layout/move.h"
#include "rung/tensor/float8.h"

namespace rung::ops {
namespace {

using onednn::Bf16;
using onednn::Form;
using onednn::Kernel;
using onednn::Layout;
using onednn::LowerCall;
using onednn::Pointers;
using onednn::Ref;

/// Elements of types that C++ lacks.
struct F16 {
  uint16_t bits;
};
struct Bool {
  uint8_t value;
};
template <DType Type>
struct F8 {
  static constexpr DType kType = Type;
  uint8_t bits;
};
template <typename T>
concept IsF8 = requires {
  T::kType;
};

template <typename T>
requires std::is_arithmetic_v<T> T value_of(T element) { return element; }
float value_of(Bf16 element) { return onednn::load(&element); }
float value_of(F16 element) { return f16_to_float(element.bits); }
bool value_of(Bool element) { return element.value != 0; }
float value_of(IsF8 auto element) { return float8_to_float(element.bits, element.kType); }

template <typename To, typename Value>
To element_of(Value value) {
  if constexpr (std::is_same_v<To, Bool>) {
    return {static_cast<uint8_t>(value != Value{0})};
  } else if constexpr (std::is_same_v<To, F16>) {
    return {float_to_f16(static_cast<float>(value))};
  } else if constexpr (std::is_same_v<To, Bf16>) {
    Bf16 element;
    onednn::store(&element, static_cast<float>(value));
    return element;
  } else if constexpr (IsF8<To>) {
    return {float_to_float8(static_cast<float>(value), To::kType)};
  } else if constexpr (std::is_floating_point_v<Value> && sizeof(To) < sizeof(int32_t)) {
    return static_cast<To>(static_cast<int64_t>(value));  // LibTorch wraps so
  } else {
    return static_cast<To>(value);
  }
}

template <typename F>
auto with_type(DType dtype, const F& f) {
  switch (dtype) {
    case DType::kF32:
      return f(float{});
    case DType::kF64:
      return f(double{});
    case DType::kF16:
      return f(F16{});
    case DType::kBF16:
      return f(Bf16{});
    case DType::kI8:
      return f(int8_t{});
    case DType::kU8:
      return f(uint8_t{});
    case DType::kI16:
      return f(int16_t{});
    case DType::kI32:
      return f(int32_t{});
    case DType::kI64:
      return f(int64_t{});
    case DType::kBool:
      return f(Bool{});
    case DType::kU16:
      return f(uint16_t{});
    case DType::kU32:
      return f(uint32_t{});
    case DType::kU64:
      return f(uint64_t{});
    case DType::kF8E4M3:
      return f(F8<DType::kF8E4M3>{});
    case DType::kF8E4M3Fnuz:
      return f(F8<DType::kF8E4M3Fnuz>{});
    case DType::kF8E5M2:
      return f(F8<DType::kF8E5M2>{});
    case DType::kF8E5M2Fnuz:
      return f(F8<DType::kF8E5M2Fnuz>{});
  }
  __builtin_unreachable();
}

Kernel cast_kernel(DType from, DType to, int64_t count) {
  return with_type(from, [&]<typename From>(From) {
    return with_type(to, [&]<typename To>(To) -> Kernel {
      return [count](const Pointers& pointers) {
        constexpr int64_t kGrain = 8 << 10;
        const auto* in = reinterpret_cast<const From*>(pointers.in[0]);
        auto* out = reinterpret_cast<To*>(pointers.out[0]);
        onednn::parallel_for(count, kGrain, [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) out[i] = element_of<To>(value_of(in[i]));
        });
      };
    });
  });
}

}  // namespace

void lower(const Dropout&, LowerCall& call) { call.out_is(0, call.in(0), call.form(0)); }
void lower(const Detach&, LowerCall& call) { call.out_is(0, call.in(0), call.form(0)); }

void lower(const Cast& op, LowerCall& call) {
  const Form form = call.form(0);
  const DType graph = call.in_type(0).dtype;
  if (op.dtype == graph || op.dtype == form.dtype || call.storage(op.dtype) == form.dtype) {
    return call.out_is(0, call.in(0), form);
  }
  const bool blocks = op.dtype == DType::kF32 || op.dtype == DType::kBF16;
  const Ref in = blocks ? call.in(0) : row_major(call, 0);
  const Form to = {op.dtype, blocks ? form.layout : Layout::kPlain};
  const int64_t count = bytes_of(call.in_type(0).shape, to) / size_of(op.dtype);
  call.kernel("cast", {in}, {call.out(0, to)}, cast_kernel(form.dtype, op.dtype, count));
}

void lower(const FullLike& op, LowerCall& call) {
  const Shape& shape = call.out_type().shape;
  const Form form = call.form(0);
  onednn::Mover mover(form.dtype);
  mover.fill(onednn::View(shape, form), onednn::element_bytes(form.dtype, op.value));
  mover.fill_up(shape, form);
  call.kernel("fill", {}, {call.out(0, form)}, mover.kernel());
}

void lower(const ArangeLike& op, LowerCall& call) {
  const Shape& like = call.in_type(0).shape;
  Tensor places(op.dtype, {like[resolve_axis(op.axis, like.size())]});
  for (int64_t i = 0; i < places.elements(); ++i) places.set(i, static_cast<double>(i));
  call.out_is(0, call.constant(places), {op.dtype, Layout::kPlain});
}

void lower(const Opaque& op, LowerCall& call) {
  const std::string operation = op.schema.substr(0, op.schema.find('('));
  call.give_up("the operator '" + operation + "' has no kernel");
}

}  // namespace rung::ops
