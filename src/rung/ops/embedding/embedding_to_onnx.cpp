#include "rung/ops/onnx_export.h"

namespace rung::ops {

OnnxValues to_onnx(const Embedding&, OnnxWriter& w) {
  return {w.add("Gather", {w.in(1), w.in(0)}, {{"axis", int64_t{0}}})};
}

OnnxValues to_onnx(const Gather& op, OnnxWriter& w) {
  return {w.add("Gather", {w.in(0), w.in(1)}, {{"axis", op.axis}})};
}

}  // namespace rung::ops
