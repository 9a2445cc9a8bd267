#include "rung/join/pointwise.h"

#include <cmath>

#include "rung/base/error.h"

namespace rung {

size_t channel_axis(const TensorType& type) {
  if (type.is_sequence()) return 2;
  if (type.rank() < 2) fail_bug("{} has no channel axis", to_string(type));
  return 1;
}

int64_t channels(const TensorType& type) { return type.shape[channel_axis(type)]; }

size_t time_axis(const TensorType& type) { return type.is_sequence() ? 1 : 2; }

Value pointwise(Builder& b, const std::string& name, Value x, int64_t out, PointwiseStart start,
                const ops::Sizes& stride) {
  const TensorType& type = b.type(x);
  const int64_t in = channels(type);
  const size_t axes = type.is_map() ? type.rank() - 2 : 0;
  Shape shape{out, in};
  shape.insert(shape.end(), axes, 1);
  const double bound = in > 0 ? 1 / std::sqrt(static_cast<double>(in)) : 0;
  ops::Param weight{.dtype = type.dtype, .shape = shape};
  ops::Param bias{.dtype = type.dtype, .shape = {out}};
  if (start == PointwiseStart::kRandom) {
    for (ops::Param* param : {&weight, &bias}) {
      param->init = ops::InitKind::kUniform;
      param->value = bound;
    }
  } else if (start == PointwiseStart::kIdentity) {
    weight.init = ops::InitKind::kDirac;
  }
  const Value w = b.param(name + ".weight", weight);
  const Value bias_value = b.param(name + ".bias", bias);
  if (axes == 0) return b.add(name, ops::Linear{}, {x, w, bias_value});
  ops::Conv conv;
  if (stride != ops::Sizes{1}) conv.stride = stride;
  return b.add(name, conv, {x, w, bias_value});
}

}  // namespace rung
