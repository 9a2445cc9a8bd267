#pragma once

// How the inputs of a pointwise kernel lie beside its result.
#include "rung/ops/onednn.h"

namespace rung::onednn {

/// An input of a pointwise kernel, in the layout of the result: small ones have their channels in
/// blocks too.
struct Operand {
  Ref ref = {};
  Form form = {};
  Shape shape = {};  ///< as it is broadcast
};

/// How an input lies along a row of the result.
enum class Along : uint8_t {
  kWhole,     ///< element by element
  kNumber,    ///< one number
  kPeriodic,  ///< `period` elements, again and again
  kStretched  ///< each element `period` times
};

struct Source {
  bool narrow = false;  ///< bf16
  Along along = Along::kWhole;
  int64_t period = 1;
  Shape strides;  ///< in elements, by outer axis
};

/// The result as rows: outer axes, and a row that the innermost one or two axes make.
struct Rows {
  Shape outer;
  int64_t length = 1;
  int64_t tail_from = -1;  ///< blocked, with channels that fill up: in the last of `groups`
  int64_t groups = 1;      ///< planes, elements of a block from here on are zero
  int64_t rows_in_plane = 1;
  int64_t block = 1;
  bool narrow = false;
  bool direct = false;  ///< sums grow where the result lies: nothing that is read later lies there
  std::vector<Source> sources;
  int64_t rows() const { return element_count(outer); }
};

/// The rows of a result in that form, and how the operands lie along them.
Rows rows_in(const Shape& shape, Form form, const std::vector<Operand>& operands);

}  // namespace rung::onednn
