#include <algorithm>
#include <climits>

#include "rung/ops/layout/follow.h"

// Slices and pads: what takes or adds a stretch of an axis.

namespace rung::ops {
namespace {

Dim combine(const Dim& a, const Dim& b, int64_t sign) {
  Dim out = a;
  for (size_t i = 0; i < out.seen.size(); ++i) out.seen[i] += sign * b.seen[i % b.seen.size()];
  return out;
}

/// A position as Slice takes it, counted from the end where that is what stays the same.
std::optional<int64_t> position(const Dim& place, const Dim& size) {
  if (!place.varies()) return place.value();
  const Dim from_end = combine(place, size, -1);
  if (from_end.varies()) return std::nullopt;
  return from_end.value() >= 0 ? INT64_MAX : from_end.value();
}

/// Which part of `whole` begins there and is as long as `part`, at every size.
std::optional<Anchor> anchor_of(const Dim& begin, const Dim& part, const Dim& whole) {
  const auto all = [&](auto offset) {
    for (size_t i = 0; i < part.seen.size(); ++i) {
      if (begin.seen[i] != offset(whole.seen[i] - part.seen[i])) return false;
    }
    return true;
  };
  if (all([](int64_t) { return int64_t{0}; })) return Anchor::kBegin;
  if (all([](int64_t rest) { return rest; })) return Anchor::kEnd;
  if (all([](int64_t rest) { return rest / 2; })) return Anchor::kCenter;
  return std::nullopt;
}

/// Pads x to (or cuts it to) the size of another tensor.
Ref fit(ImportCall& call, Ref x, size_t axis, const Dim& from, const Dim& to, const Dim& before) {
  const auto like = call.find_like({to});
  const Sizes axes{static_cast<int64_t>(axis)};
  if (!like) call.fix({to, from, before});
  if (const auto anchor = anchor_of(before, from, to)) {
    return call.add(PadLike{.axes = axes, .like_axes = like->axes, .anchor = *anchor},
                    {x, like->tensor});
  }
  Dim begin = before;
  for (auto& n : begin.seen) n = -n;
  const auto anchor = anchor_of(begin, to, from);
  if (!anchor) call.fix({to, before});
  return call.add(CropLike{.axes = axes, .like_axes = like->axes, .anchor = *anchor},
                  {x, like->tensor});
}

}  // namespace

Dim resolve_position(Dim place, const Dim& size) {
  if (!place.varies()) return place;
  for (size_t i = 0; i < place.seen.size(); ++i) {
    auto& at = place.seen[i];
    if (at < 0) at += size.seen[i];
    at = std::clamp<int64_t>(at, 0, size.seen[i]);
  }
  return place;
}

int64_t place_of(ImportCall& call, const Dim& index, const Dim& size) {
  const auto place = position(index, size);
  if (!place) call.fix({index});
  return *place;
}

Ref cut(ImportCall& call, Ref x, size_t axis, const Dim& size, const Dim& begin, const Dim& end,
        int64_t step) {
  const auto from = position(begin, size), to = position(end, size);
  const auto place = static_cast<int64_t>(axis);
  if (from && to) {
    if (*from == 0 && *to == INT64_MAX && step == 1) return x;
    return call.add(Slice{.axis = place, .begin = *from, .end = *to, .step = step}, {x});
  }
  const Dim length = combine(end, begin, -1);
  const auto anchor = anchor_of(begin, length, size);
  const auto like = call.find_like({length});
  if (!anchor || !like || step != 1) call.fix({length, begin});
  return call.add(CropLike{.axes = {place}, .like_axes = like->axes, .anchor = *anchor},
                  {x, like->tensor});
}

Ref pad(ImportCall& call, Ref x, const Dims& sizes, const Dims& begin, const Dims& end,
        PadMode mode, double value) {
  Pad op{.mode = mode, .value = value};
  for (size_t i = 0; i < begin.size(); ++i) {
    const bool varies = begin[i].varies() || end[i].varies();
    if (varies && (mode != PadMode::kZeros || value != 0)) call.fix({begin[i], end[i]});
    if (varies) {
      const Dim to = combine(combine(sizes[i], begin[i], 1), end[i], 1);
      x = fit(call, x, i, sizes[i], to, begin[i]);
    }
    op.begin.push_back(varies ? 0 : begin[i].value());
    op.end.push_back(varies ? 0 : end[i].value());
  }
  const auto none = [](int64_t n) { return n == 0; };
  if (std::all_of(op.begin.begin(), op.begin.end(), none) &&
      std::all_of(op.end.begin(), op.end.end(), none)) {
    return x;
  }
  return call.add(op, {x});
}

}  // namespace rung::ops
