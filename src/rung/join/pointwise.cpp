#include "rung/join/pointwise.h"

#include <algorithm>
#include <cmath>

#include "rung/base/error.h"

namespace rung {

namespace {

bool all_extents(const TensorType& type, size_t first, size_t end) {
  return std::all_of(type.roles.begin() + static_cast<std::ptrdiff_t>(first),
                     type.roles.begin() + static_cast<std::ptrdiff_t>(end),
                     [](Role r) { return r == Role::kSpace || r == Role::kTime; });
}

}  // namespace

bool is_channels_last(const TensorType& type) {
  const size_t rank = type.rank();
  if (rank < 4 || rank > 5 || type.roles[0] != Role::kBatch) return false;
  const Role last = type.roles.back();
  return (last == Role::kChannel || last == Role::kFeature) && all_extents(type, 1, rank - 1);
}

bool is_time_first(const TensorType& type) {
  return type.roles == Roles{Role::kTime, Role::kBatch, Role::kFeature};
}

size_t channel_axis(const TensorType& type) {
  if (type.rank() == 0) fail_bug("{} has no channel axis", to_string(type));
  return type.is_map() ? 1 : type.rank() - 1;
}

int64_t channels(const TensorType& type) { return type.shape[channel_axis(type)]; }

ops::Sizes extent_axes(const TensorType& type) {
  size_t first = 0, end = 0;
  if (type.is_map()) {
    first = 2;
    end = type.rank();
  } else if (type.is_sequence() || is_channels_last(type)) {
    first = 1;
    end = type.rank() - 1;
  } else if (is_time_first(type)) {
    end = 1;
  }
  ops::Sizes axes;
  for (size_t i = first; i < end; ++i) axes.push_back(static_cast<int64_t>(i));
  return axes;
}

size_t time_axis(const TensorType& type) {
  const ops::Sizes axes = extent_axes(type);
  if (axes.size() != 1) fail_bug("{} has no single axis of time", to_string(type));
  return static_cast<size_t>(axes[0]);
}

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
