#include <algorithm>
#include <numeric>

#include "rung/ops/layout/follow.h"
#include "rung/ops/torchscript.h"

namespace rung::ops {
namespace {

size_t axis_of(AtenCall& call, size_t argument, size_t extra = 0) {
  return resolve_axis(call.integer(argument), call.type(call.tensor(0)).rank() + extra);
}

std::vector<Ref> all_tensors(AtenCall& call, size_t i) {
  std::vector<Ref> out;
  for (const auto& ref : call.tensors(i)) {
    out.push_back(call.cast(ref.value(), call.result_dtype()));
  }
  return out;
}

AtenResult reshape(AtenCall& call) {
  return {{reshape_to(call, call.tensor(0), call.sizes(0), call.result_sizes())}};
}

// input, sizes · or · input, dtype
AtenResult view(AtenCall& call) {
  if (!call.is_tensor(1) && !call.value(1).isIntList()) return std::nullopt;
  return reshape(call);
}

// input, size
AtenResult expand(AtenCall& call) {
  return {{broadcast_to(call, call.tensor(0), call.result_sizes())}};
}

// tensors, axis
AtenResult concat(AtenCall& call) {
  return {{call.add(Concat{.axis = call.integer(1)}, all_tensors(call, 0))}};
}
AtenResult stack(AtenCall& call) {
  return {{call.add(Stack{.axis = call.integer(1)}, all_tensors(call, 0))}};
}

// input, how, axis
AtenResult split(AtenCall& call) {
  const size_t axis = axis_of(call, 2);
  Split op{.axis = static_cast<int64_t>(axis)};
  for (size_t i = 0; i < call.results(); ++i) {
    const Dim size = call.result_sizes(i).at(axis);
    if (size.varies()) call.fix({size});
    op.sizes.push_back(size.value());
  }
  return call.add_all(op, {call.tensor(0)});
}

// input, axis
AtenResult unbind(AtenCall& call) {
  const auto axis = static_cast<int64_t>(axis_of(call, 1));
  auto parts =
      call.add_all(Split{.axis = axis, .sizes = Sizes(call.results(), 1)}, {call.tensor(0)});
  for (Ref& part : parts) part = call.add(Squeeze{.axes = {axis}}, {part});
  return parts;
}

AtenResult permuted(AtenCall& call, Sizes order) {
  return {{call.add(Transpose{.order = std::move(order)}, {call.tensor(0)})}};
}

Sizes counting(AtenCall& call) {
  Sizes out(call.type(call.tensor(0)).rank());
  std::iota(out.begin(), out.end(), 0);
  return out;
}

// input, order
AtenResult permute(AtenCall& call) {
  Sizes order = call.integers(1);
  for (auto& axis : order) {
    axis = static_cast<int64_t>(resolve_axis(axis, order.size()));
  }
  return permuted(call, std::move(order));
}

// input, axis, axis
AtenResult transpose(AtenCall& call) {
  Sizes order = counting(call);
  if (order.empty()) return {{call.tensor(0)}};
  std::swap(order[axis_of(call, 1)], order[axis_of(call, 2)]);
  return permuted(call, std::move(order));
}

AtenResult reversed(AtenCall& call) {
  Sizes order = counting(call);
  if (order.size() < 2) return {{call.tensor(0)}};
  std::reverse(order.begin(), order.end());
  return permuted(call, std::move(order));
}

// input · or · input, axis · or · input, axes
AtenResult squeeze(AtenCall& call) {
  const Dims sizes = call.sizes(0);
  Sizes axes;
  const auto consider = [&](size_t axis) {
    if (!sizes[axis].varies() && sizes[axis].value() == 1) {
      axes.push_back(static_cast<int64_t>(axis));
    }
  };
  if (call.size() == 1) {
    for (size_t axis = 0; axis < sizes.size(); ++axis) consider(axis);
  } else if (!sizes.empty()) {
    for (const int64_t axis : call.integers(1)) consider(resolve_axis(axis, sizes.size()));
  }
  if (axes.empty()) return {{call.tensor(0)}};
  return {{call.add(Squeeze{.axes = axes}, {call.tensor(0)})}};
}

// input, axis
AtenResult unsqueeze(AtenCall& call) {
  const auto axis = static_cast<int64_t>(axis_of(call, 1, 1));
  return {{call.add(Unsqueeze{.axes = {axis}}, {call.tensor(0)})}};
}

// input, upscale_factor: [N, C·r·r, H, W] -> [N, C, H·r, W·r]
AtenResult pixel_shuffle(AtenCall& call) {
  const Ref x = call.tensor(0);
  if (call.type(x).rank() != 4) return std::nullopt;
  const int64_t r = call.integer(1);
  const Dim factor{{r}}, channels{{call.type(x).shape[1] / (r * r)}};
  Ref y = split_axis(call, x, 1, {channels, factor, factor});
  y = call.add(Transpose{.order = {0, 1, 4, 2, 5, 3}}, {y});
  y = call.add(Flatten{.first = 4, .last = 5}, {y});
  return {{call.add(Flatten{.first = 2, .last = 3}, {y})}};
}

// input, shifts, axes: what is pushed out at one end comes in at the other
AtenResult roll(AtenCall& call) {
  const Sizes shifts = call.integers(1), axes = call.integers(2);
  if (shifts.size() != axes.size()) return std::nullopt;  // without axes, over all elements
  const Dims sizes = call.sizes(0);
  Ref x = call.tensor(0);
  for (size_t i = 0; i < axes.size(); ++i) {
    const size_t place = resolve_axis(axes[i], sizes.size());
    const auto& seen = sizes[place].seen;
    if (shifts[i] == 0) continue;
    if (std::abs(shifts[i]) >= *std::min_element(seen.begin(), seen.end())) return std::nullopt;
    const auto axis = static_cast<int64_t>(place);
    const Ref front =
        call.add(Slice{.axis = axis, .begin = -shifts[i], .end = INT64_MAX, .step = 1}, {x});
    const Ref back = call.add(Slice{.axis = axis, .begin = 0, .end = -shifts[i], .step = 1}, {x});
    x = call.add(Concat{.axis = axis}, {front, back});
  }
  return {{x}};
}

constexpr AtenEntry kLayoutRules[] = {
    {"aten::view", view},
    {"aten::reshape", view},
    {"aten::_reshape_alias", reshape},
    {"aten::_unsafe_view", reshape},
    {"aten::view_as", reshape},
    {"aten::reshape_as", reshape},
    {"aten::flatten", reshape},
    {"aten::unflatten", reshape},
    {"aten::expand", expand},
    {"aten::expand_as", expand},
    {"aten::broadcast_to", expand},
    {"aten::cat", concat},
    {"aten::concat", concat},
    {"aten::stack", stack},
    {"aten::split", split},
    {"aten::split_with_sizes", split},
    {"aten::chunk", split},
    {"aten::tensor_split", split},
    {"aten::unbind", unbind},
    {"aten::permute", permute},
    {"aten::transpose", transpose},
    {"aten::swapaxes", transpose},
    {"aten::swapdims", transpose},
    {"aten::t", reversed},
    {"aten::numpy_T", reversed},
    {"aten::squeeze", squeeze},
    {"aten::unsqueeze", unsqueeze},
    {"aten::pixel_shuffle", pixel_shuffle},
    {"aten::roll", roll},
};

}  // namespace

AtenRules layout_rules() { return kLayoutRules; }

}  // namespace rung::ops
