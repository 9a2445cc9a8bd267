#include <algorithm>

#include "rung/ops/layout/follow.h"

namespace rung::ops {
namespace {

/// Zeros of another tensor's sizes on some of its axes.
Ref zeros_of_axes(ImportCall& call, const Like& like, DType dtype) {
  Sizes others;
  const auto rank = static_cast<int64_t>(call.type(like.tensor).rank());
  for (int64_t axis = 0; axis < rank; ++axis) {
    if (std::find(like.axes.begin(), like.axes.end(), axis) == like.axes.end()) {
      others.push_back(axis);
    }
  }
  Ref x = like.tensor;
  if (!others.empty()) x = call.add(Reduce{.kind = ReduceKind::kMax, .axes = others}, {x});
  return call.add(FullLike{}, {call.cast(x, dtype)});
}

}  // namespace

Ref zeros_of(ImportCall& call, const Dims& sizes, DType dtype) {
  Dims varying;
  Sizes fixed, shape;
  for (size_t i = 0; i < sizes.size(); ++i) {
    shape.push_back(sizes[i].varies() ? -1 : sizes[i].value());
    if (sizes[i].varies()) {
      varying.push_back(sizes[i]);
    } else {
      fixed.push_back(static_cast<int64_t>(i));
    }
  }
  Ref x = 0;
  if (varying.empty()) {
    x = call.scalar(0, dtype);
  } else {
    const auto like = call.find_like(varying);
    if (!like) call.fix(varying);
    x = zeros_of_axes(call, *like, dtype);
    if (!fixed.empty()) x = call.add(Unsqueeze{.axes = fixed}, {x});
  }
  const bool spreads = std::any_of(fixed.begin(), fixed.end(), [&](int64_t axis) {
    return varying.empty() || sizes[static_cast<size_t>(axis)].value() != 1;
  });
  return spreads ? call.add(Expand{.shape = shape}, {x}) : x;
}

Ref broadcast_to(ImportCall& call, Ref x, const Dims& sizes) {
  const Shape from = call.type(x).shape;
  const size_t front = sizes.size() - from.size();
  Dims grown = sizes;
  Sizes shape;
  bool follows = false, spreads = front > 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    const bool single = i < front || from[i - front] == 1;
    const bool grows = single && (sizes[i].varies() || sizes[i].value() != 1);
    follows = follows || (grows && sizes[i].varies());
    spreads = spreads || grows;
    if (!grows || !sizes[i].varies()) grown[i].seen.assign(grown[i].seen.size(), 1);
    shape.push_back(grows && !sizes[i].varies() ? sizes[i].value() : i < front ? 1 : -1);
    if (sizes[i].varies() && i < front) shape.back() = -1;
  }
  if (!spreads) return x;
  if (follows) {  // a size that is known only when the graph runs comes from zeros of that size
    const Ref zeros = zeros_of(call, grown, call.type(x).dtype);
    x = call.add(Binary{BinaryFn::kAdd}, {x, zeros});
  }
  const bool fixed = std::any_of(shape.begin(), shape.end(), [](int64_t n) { return n != -1; });
  return fixed ? call.add(Expand{.shape = shape}, {x}) : x;
}

}  // namespace rung::ops
