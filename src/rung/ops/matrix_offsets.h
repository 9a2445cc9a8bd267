#pragma once

#include <vector>

#include "rung/tensor/tensor_type.h"

namespace rung::onednn {

/// Where each matrix of a result finds its operand, in elements: both are […, rows, columns] of one
/// rank, and the operand's axes in front of the last two broadcast to the result's.
inline std::vector<int64_t> matrix_offsets(const Shape& operand, const Shape& result) {
  std::vector<int64_t> list{0};
  int64_t stride = element_count(operand);
  for (size_t i = 0; i + 2 < result.size(); ++i) {
    if (operand[i] > 0) stride /= operand[i];
    std::vector<int64_t> longer;
    for (const int64_t offset : list) {
      for (int64_t k = 0; k < result[i]; ++k) {
        longer.push_back(offset + (operand[i] == 1 ? 0 : k * stride));
      }
    }
    list = std::move(longer);
  }
  return list;
}

}  // namespace rung::onednn
