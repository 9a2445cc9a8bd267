#include "rung/ops/import.h"

#include <algorithm>

namespace rung::ops {

bool Dim::varies() const {
  return std::any_of(seen.begin(), seen.end(), [&](int64_t n) { return n != seen.front(); });
}

Ref ImportCall::scalar(double value, DType dtype) {
  Tensor constant(dtype, {});
  constant.set(0, value);
  return add(Constant{constant}, {});
}

Ref ImportCall::cast(Ref ref, DType dtype) {
  return type(ref).dtype == dtype ? ref : add(Cast{dtype}, {ref});
}

}  // namespace rung::ops
