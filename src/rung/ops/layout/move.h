#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <vector>

#include "rung/ops/kernel.h"

namespace rung::onednn {

/// A value as a box of elements, whichever way it lies. Axes are cut, reversed, reordered and
/// repeated without touching memory.
class View {
 public:
  View(const Shape& shape, Form form);
  /// Places begin, begin + step, … of an axis; step may be negative.
  View cut(size_t axis, int64_t begin, int64_t size, int64_t step = 1) const;
  /// Axis i is axis order[i] of this one.
  View reordered(const std::vector<int64_t>& order) const;
  /// Axes of one repeat; new axes come in front.
  View expanded(const Shape& shape) const;

  /// Entry i is place first + i·step; places come in blocks. Strides are in bytes.
  struct Axis {
    int64_t size = 1, first = 0, step = 1;
    int64_t stride = 0, block = INT64_MAX, block_stride = 0;
    int64_t block_of(int64_t i) const { return (first + i * step) / block; }
    int64_t offset(int64_t i) const {
      return block_of(i) * block_stride + (first + i * step) % block * stride;
    }
  };
  const std::vector<Axis>& axes() const { return axes_; }

 private:
  std::vector<Axis> axes_;
};

/// An element as bytes, of which the first size_of(dtype) count.
using ElementBytes = std::array<std::byte, 8>;
ElementBytes element_bytes(DType dtype, double value);

/// A way along a box in memory: entries, and the bytes between two of them on both sides.
struct MoveAxis {
  int64_t size = 1, from = 0, to = 0;
};

/// A box that is copied in units of some rows each.
struct MoveJob {
  /// Copies some rows of the two innermost axes.
  using Copy = void (*)(const std::byte* in, std::byte* out, const MoveAxis& rows,
                        const MoveAxis& columns);
  Copy copy = nullptr;
  int64_t from = 0, to = 0;
  std::vector<MoveAxis> outer;  ///< the last one counts the pieces into which rows are cut
  MoveAxis rows, columns;
  int64_t rows_per_unit = 1, units = 0, unit_bytes = 1;
  size_t in = 0;                                     ///< the step's input, where there is no
  std::optional<std::array<std::byte, 64>> pattern;  ///< repeated value

  void run(const std::byte* from, std::byte* to, int64_t begin, int64_t end) const;
};

/// The kernel of what only moves elements: any number of copies and fills, which do not overlap,
/// from the step's inputs to its output 0.
class Mover {
 public:
  explicit Mover(DType dtype) : element_(size_of(dtype)) {}
  /// Views of the same sizes.
  void copy(size_t in, const View& from, const View& to);
  void fill(const View& to, const ElementBytes& value);
  /// Zeroes the channels that fill up the last block of a value of this form.
  void fill_up(const Shape& shape, Form form);
  Kernel kernel() const;

 private:
  int64_t element_;
  std::vector<MoveJob> jobs_;
};

}  // namespace rung::onednn
