#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "rung/tensor/tensor_type.h"

namespace rung {

/// Memory of a tensor. A subclass may hold a mapped file or another library's tensor, so that
/// nothing is copied and weights stay shared with their first owner.
class Storage {
 public:
  virtual ~Storage() = default;
  /// Readable host memory; a storage on a device makes a host copy first.
  virtual std::byte* data() = 0;
  virtual size_t bytes() const = 0;
};

/// Plain memory, zeroed.
std::shared_ptr<Storage> allocate(size_t bytes);

/// A dense row-major array. Copies share memory (as in NumPy and PyTorch); `clone` does not.
class Tensor {
 public:
  Tensor() = default;
  /// Zeros.
  Tensor(DType dtype, Shape shape);
  /// Views `storage`. Throws a bug error where it is too small.
  Tensor(DType dtype, Shape shape, std::shared_ptr<Storage> storage);

  /// From values, row-major; throws a user error where their number does not fit the shape.
  static Tensor f32(Shape shape, std::vector<float> values);
  static Tensor i64(Shape shape, std::vector<int64_t> values);

  bool defined() const { return storage_ != nullptr; }
  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  int64_t elements() const { return element_count(shape_); }
  int64_t bytes() const { return elements() * size_of(dtype_); }
  const std::shared_ptr<Storage>& storage() const { return storage_; }

  std::byte* data() const { return storage_->data(); }
  /// Typed view; throws a bug error where T does not match the dtype.
  template <typename T>
  std::span<T> as() const;

  Tensor clone() const;
  /// Element by element as double, for reports and small tensors.
  double at(int64_t index) const;
  void set(int64_t index, double value);
  /// The same as a whole number, exact for whole types; fractions are cut off. Numbers wrap where
  /// the type does not hold them, so a u64 of 2^63 and more has the bits of a negative number.
  int64_t integer(int64_t index) const;
  void set_integer(int64_t index, int64_t value);
  /// Same dtype, shape and bytes, or both undefined.
  bool identical(const Tensor& other) const;

 private:
  DType dtype_ = DType::kF32;
  Shape shape_;
  std::shared_ptr<Storage> storage_;
};

/// float <-> bfloat16 and IEEE half, round to nearest even.
float bf16_to_float(uint16_t bits);
uint16_t float_to_bf16(float value);
float f16_to_float(uint16_t bits);
uint16_t float_to_f16(float value);

}  // namespace rung
