#include "rung/tensor/tensor.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "rung/base/error.h"
#include "rung/tensor/float8.h"

namespace rung {
namespace {

class HeapStorage final : public Storage {
 public:
  explicit HeapStorage(size_t bytes) : memory_(bytes) {}
  std::byte* data() override { return memory_.data(); }
  size_t bytes() const override { return memory_.size(); }

 private:
  std::vector<std::byte> memory_;
};

template <typename T>
Tensor from_values(DType dtype, Shape shape, const std::vector<T>& values) {
  Tensor out(dtype, std::move(shape));
  if (static_cast<int64_t>(values.size()) != out.elements()) {
    fail_user("{} values given for shape {}", values.size(), to_string(out.shape()));
  }
  if (!values.empty()) std::memcpy(out.data(), values.data(), values.size() * sizeof(T));
  return out;
}

}  // namespace

std::shared_ptr<Storage> allocate(size_t bytes) { return std::make_shared<HeapStorage>(bytes); }

Tensor::Tensor(DType dtype, Shape shape) : dtype_(dtype), shape_(std::move(shape)) {
  storage_ = allocate(static_cast<size_t>(bytes()));
}

Tensor::Tensor(DType dtype, Shape shape, std::shared_ptr<Storage> storage)
    : dtype_(dtype), shape_(std::move(shape)), storage_(std::move(storage)) {
  if (storage_->bytes() < static_cast<size_t>(bytes())) {
    fail_bug("storage of {} bytes is too small for {}{}", storage_->bytes(), name(dtype_),
             to_string(shape_));
  }
}

Tensor Tensor::f32(Shape shape, std::vector<float> values) {
  return from_values(DType::kF32, std::move(shape), values);
}
Tensor Tensor::i64(Shape shape, std::vector<int64_t> values) {
  return from_values(DType::kI64, std::move(shape), values);
}

template <typename T>
std::span<T> Tensor::as() const {
  const bool matches = (std::is_same_v<T, float> && dtype_ == DType::kF32) ||
                       (std::is_same_v<T, double> && dtype_ == DType::kF64) ||
                       (std::is_same_v<T, int64_t> && dtype_ == DType::kI64) ||
                       (std::is_same_v<T, int32_t> && dtype_ == DType::kI32) ||
                       (std::is_same_v<T, int16_t> && dtype_ == DType::kI16) ||
                       (std::is_same_v<T, int8_t> && dtype_ == DType::kI8) ||
                       (std::is_same_v<T, uint64_t> && dtype_ == DType::kU64) ||
                       (std::is_same_v<T, uint32_t> && dtype_ == DType::kU32) ||
                       (std::is_same_v<T, uint8_t> &&
                        (dtype_ == DType::kU8 || dtype_ == DType::kBool || is_float8(dtype_))) ||
                       (std::is_same_v<T, uint16_t> &&
                        (dtype_ == DType::kF16 || dtype_ == DType::kBF16 || dtype_ == DType::kU16));
  if (!matches) fail_bug("a {} tensor was read as another type", name(dtype_));
  return {reinterpret_cast<T*>(data()), static_cast<size_t>(elements())};
}
template std::span<float> Tensor::as() const;
template std::span<double> Tensor::as() const;
template std::span<int64_t> Tensor::as() const;
template std::span<int32_t> Tensor::as() const;
template std::span<int16_t> Tensor::as() const;
template std::span<int8_t> Tensor::as() const;
template std::span<uint8_t> Tensor::as() const;
template std::span<uint16_t> Tensor::as() const;
template std::span<uint32_t> Tensor::as() const;
template std::span<uint64_t> Tensor::as() const;

Tensor Tensor::clone() const {
  Tensor out(dtype_, shape_);
  if (bytes() > 0) std::memcpy(out.data(), data(), static_cast<size_t>(bytes()));
  return out;
}

namespace {

/// f(the elements' C++ type) for whole types but bool.
template <typename F>
auto with_whole(DType dtype, const F& f) {
  switch (dtype) {
    case DType::kI8:
      return f(int8_t{});
    case DType::kU8:
      return f(uint8_t{});
    case DType::kI16:
      return f(int16_t{});
    case DType::kU16:
      return f(uint16_t{});
    case DType::kI32:
      return f(int32_t{});
    case DType::kU32:
      return f(uint32_t{});
    case DType::kI64:
      return f(int64_t{});
    case DType::kU64:
      return f(uint64_t{});
    default:
      fail_bug("no whole type");
  }
}

}  // namespace

double Tensor::at(int64_t index) const {
  const auto i = static_cast<size_t>(index);
  switch (dtype_) {
    case DType::kF32:
      return as<float>()[i];
    case DType::kF64:
      return as<double>()[i];
    case DType::kF16:
      return f16_to_float(as<uint16_t>()[i]);
    case DType::kBF16:
      return bf16_to_float(as<uint16_t>()[i]);
    case DType::kBool:
      return as<uint8_t>()[i];
    case DType::kF8E4M3:
    case DType::kF8E4M3Fnuz:
    case DType::kF8E5M2:
    case DType::kF8E5M2Fnuz:
      return float8_to_float(as<uint8_t>()[i], dtype_);
    default:
      return with_whole(dtype_, [&]<typename T>(T) { return static_cast<double>(as<T>()[i]); });
  }
}

void Tensor::set(int64_t index, double value) {
  const auto i = static_cast<size_t>(index);
  switch (dtype_) {
    case DType::kF32:
      as<float>()[i] = static_cast<float>(value);
      return;
    case DType::kF64:
      as<double>()[i] = value;
      return;
    case DType::kF16:
      as<uint16_t>()[i] = float_to_f16(static_cast<float>(value));
      return;
    case DType::kBF16:
      as<uint16_t>()[i] = float_to_bf16(static_cast<float>(value));
      return;
    case DType::kBool:
      as<uint8_t>()[i] = value != 0;
      return;
    case DType::kF8E4M3:
    case DType::kF8E4M3Fnuz:
    case DType::kF8E5M2:
    case DType::kF8E5M2Fnuz:
      as<uint8_t>()[i] = float_to_float8(static_cast<float>(value), dtype_);
      return;
    default:
      with_whole(dtype_, [&]<typename T>(T) { as<T>()[i] = static_cast<T>(value); });
  }
}

int64_t Tensor::integer(int64_t index) const {
  if (is_floating(dtype_) || dtype_ == DType::kBool) return static_cast<int64_t>(at(index));
  return with_whole(dtype_, [&]<typename T>(T) {
    return static_cast<int64_t>(as<T>()[static_cast<size_t>(index)]);
  });
}

void Tensor::set_integer(int64_t index, int64_t value) {
  if (is_floating(dtype_) || dtype_ == DType::kBool) return set(index, static_cast<double>(value));
  with_whole(dtype_,
             [&]<typename T>(T) { as<T>()[static_cast<size_t>(index)] = static_cast<T>(value); });
}

bool Tensor::identical(const Tensor& other) const {
  if (!defined() || !other.defined()) return defined() == other.defined();
  return dtype_ == other.dtype_ && shape_ == other.shape_ &&
         (bytes() == 0 || std::memcmp(data(), other.data(), static_cast<size_t>(bytes())) == 0);
}

float bf16_to_float(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

uint16_t float_to_bf16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if (std::isnan(value)) return static_cast<uint16_t>((bits >> 16) | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

float f16_to_float(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
  const uint32_t exponent = (bits >> 10) & 0x1f;
  const uint32_t mantissa = bits & 0x3ff;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000 | (mantissa << 13));
  if (exponent != 0)
    return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
  const float tiny = std::ldexp(static_cast<float>(mantissa), -24);
  return sign != 0 ? -tiny : tiny;
}

uint16_t float_to_f16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>((bits >> 16) & 0x8000);
  const uint32_t magnitude = bits & 0x7fffffff;
  if (magnitude >= 0x7f800000) {  // infinity, NaN
    return static_cast<uint16_t>(sign | 0x7c00 | (magnitude > 0x7f800000 ? 0x200 : 0));
  }
  if (magnitude >= 0x477ff000) return static_cast<uint16_t>(sign | 0x7c00);  // rounds beyond 65504
  if (magnitude < 0x38800000) {  // subnormal half: adding a constant does the rounding
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(shifted) - 0x3f000000));
  }
  const uint32_t rounded = magnitude + 0xc8000fff + ((magnitude >> 13) & 1);
  return static_cast<uint16_t>(sign | (rounded >> 13));
}

}  // namespace rung
