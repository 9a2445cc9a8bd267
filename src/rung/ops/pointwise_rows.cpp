#include "rung/ops/pointwise_rows.h"

#include <algorithm>

namespace rung::onednn {
namespace {

/// Sizes and an input's strides in the order of memory, axis by axis; 0 where it is broadcast.
struct Lie {
  Shape sizes;
  std::vector<Shape> strides;  ///< by input
};

/// Strides of an operand of these sizes (aligned with the result's axes by its last) in a layout.
Shape memory_strides(const Shape& operand, size_t rank, Layout layout) {
  const Shape aligned = with_rank(operand, rank);
  Shape sizes = stored_shape(aligned, layout);
  if (layout == Layout::kBlocked && aligned[1] == 1) sizes.back() = 1;  // not filled up: plain
  Shape strides(sizes.size(), 0);
  int64_t stride = 1;
  for (size_t i = sizes.size(); i-- > 0; stride *= sizes[i]) {
    if (sizes[i] != 1) strides[i] = stride;
  }
  return strides;
}

/// Merges neighbouring axes along which every input goes on as if they were one. The first `keep`
/// axes stay as they are.
void collapse(Lie& lie, size_t keep) {
  for (size_t i = lie.sizes.size(); i-- > 0;) {
    if (lie.sizes[i] != 1 || i < keep) continue;
    lie.sizes.erase(lie.sizes.begin() + static_cast<int64_t>(i));
    for (Shape& strides : lie.strides) strides.erase(strides.begin() + static_cast<int64_t>(i));
  }
  for (size_t i = lie.sizes.size(); i-- > keep + 1;) {
    const bool one = std::all_of(lie.strides.begin(), lie.strides.end(),
                                 [&](const Shape& s) { return s[i - 1] == s[i] * lie.sizes[i]; });
    if (!one) continue;
    lie.sizes[i - 1] *= lie.sizes[i];
    lie.sizes.erase(lie.sizes.begin() + static_cast<int64_t>(i));
    for (Shape& strides : lie.strides) {
      strides[i - 1] = strides[i];
      strides.erase(strides.begin() + static_cast<int64_t>(i));
    }
  }
}

/// Rows of one axis, or of two where the inner one is short.
Rows rows_of(Lie lie, size_t keep) {
  constexpr int64_t kShort = 64;
  Rows rows;
  const size_t rank = lie.sizes.size();
  const int64_t inner = rank > keep ? lie.sizes[rank - 1] : 1;
  const auto splits = [&](const Shape& s) {  // two axes of it are no pattern that we know
    const int64_t a = s[rank - 2], b = s[rank - 1];
    return !((a == b * inner) || (a == 0 && b <= 1) || (b == 0 && a == 1));
  };
  const bool two = rank >= keep + 2 && inner < kShort &&
                   std::none_of(lie.strides.begin(), lie.strides.end(), splits);
  const size_t in_row = rank == keep ? 0 : two ? 2 : 1;
  rows.outer.assign(lie.sizes.begin(), lie.sizes.end() - static_cast<int64_t>(in_row));
  for (size_t i = rank - in_row; i < rank; ++i) rows.length *= lie.sizes[i];
  for (const Shape& s : lie.strides) {
    Source source{.strides = Shape(s.begin(), s.end() - static_cast<int64_t>(in_row))};
    const int64_t b = in_row > 0 ? s[rank - 1] : 0, a = in_row > 1 ? s[rank - 2] : b * inner;
    if (b == 0 && a == 0) {
      source.along = Along::kNumber;
    } else if (in_row > 1 && a == 0) {
      source.along = Along::kPeriodic;
      source.period = inner;
    } else if (in_row > 1 && b == 0) {
      source.along = Along::kStretched;
      source.period = inner;
    }
    rows.sources.push_back(std::move(source));
  }
  return rows;
}

}  // namespace

Rows rows_in(const Shape& shape, Form form, const std::vector<Operand>& operands) {
  const int64_t block = channel_block();
  const bool tail = form.layout == Layout::kBlocked && shape[1] % block != 0;
  const size_t keep = tail ? 2 : 0;
  Lie lie{.sizes = stored_shape(shape, form.layout), .strides = {}};
  for (const Operand& it : operands) {
    lie.strides.push_back(memory_strides(it.shape, shape.size(), form.layout));
  }
  collapse(lie, keep);
  Rows rows = rows_of(std::move(lie), keep);
  rows.narrow = form.dtype == DType::kBF16;
  for (size_t i = 0; i < operands.size(); ++i) {
    rows.sources[i].narrow = operands[i].form.dtype == DType::kBF16;
  }
  if (!tail) return rows;
  rows.tail_from = shape[1] % block;
  rows.groups = channel_blocks(shape[1]);
  rows.block = block;
  for (size_t i = keep; i < rows.outer.size(); ++i) rows.rows_in_plane *= rows.outer[i];
  return rows;
}

}  // namespace rung::onednn
