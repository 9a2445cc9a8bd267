#pragma once

#include "rung/ops/fields.h"
#include "rung/ops/onednn.h"

namespace rung::ops {

/// Input i, row-major. A blocked map of single pixels whose channels fill their blocks is that.
onednn::Ref row_major(onednn::LowerCall& call, size_t i, DType stored);
inline onednn::Ref row_major(onednn::LowerCall& call, size_t i) {
  return row_major(call, i, call.form(i).dtype);
}

/// Where entries begin … begin + size of an axis begin, in bytes, if they lie in one piece.
std::optional<int64_t> piece_offset(const Shape& shape, onednn::Form form, size_t axis,
                                    int64_t begin, int64_t size);

/// Output k is places begin, begin + step, … of an axis of input 0.
void lower_cut(onednn::LowerCall& call, size_t k, size_t axis, int64_t begin, int64_t step = 1);

/// Output 0 is input 0 with a border; negative numbers cut.
void lower_pad(onednn::LowerCall& call, const Sizes& begin, const Sizes& end, PadMode mode,
               double value);

}  // namespace rung::ops
