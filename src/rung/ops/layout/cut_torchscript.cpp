#include <algorithm>
#include <climits>

#include "rung/ops/layout/layout_torchscript.h"

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

/// x[begin:end] along an axis.
Ref cut(AtenCall& call, size_t axis, const Dim& begin, const Dim& end, int64_t step) {
  const Ref x = call.tensor(0);
  const Dim size = call.sizes(0).at(axis);
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

/// A number that stands for a position: negative ones count from the end, those outside are
/// clamped.
Dim resolved(Dim place, const Dim& size) {
  if (!place.varies()) return place;
  for (size_t i = 0; i < place.seen.size(); ++i) {
    auto& at = place.seen[i];
    if (at < 0) at += size.seen[i];
    at = std::clamp<int64_t>(at, 0, size.seen[i]);
  }
  return place;
}

Dim constant(int64_t value, const Dim& like) {
  return {std::vector<int64_t>(like.seen.size(), value)};
}

// input, axis, begin, end, step
AtenResult slice(AtenCall& call) {
  const size_t axis = resolve_axis(call.integer(1), call.type(call.tensor(0)).rank());
  const Dim size = call.sizes(0).at(axis);
  const Dim begin = call.given(2) ? call.dims(2).at(0) : constant(0, size);
  const Dim end = call.given(3) ? call.dims(3).at(0) : constant(INT64_MAX, size);
  return {{cut(call, axis, resolved(begin, size), resolved(end, size), call.integer(4))}};
}

// input, axis, begin, length
AtenResult narrow(AtenCall& call) {
  if (call.is_tensor(2)) return std::nullopt;
  const size_t axis = resolve_axis(call.integer(1), call.type(call.tensor(0)).rank());
  const Dim size = call.sizes(0).at(axis);
  Dim begin = call.dims(2).at(0);
  for (size_t i = 0; i < begin.seen.size(); ++i) {
    if (begin.seen[i] < 0) begin.seen[i] += size.seen[i];
  }
  return {{cut(call, axis, begin, combine(begin, call.dims(3).at(0), 1), 1)}};
}

// input, axis, index
AtenResult select(AtenCall& call) {
  const size_t axis = resolve_axis(call.integer(1), call.type(call.tensor(0)).rank());
  const auto index = position(call.dims(2).at(0), call.sizes(0).at(axis));
  if (!index) call.fix({call.dims(2).at(0)});
  const auto place = static_cast<int64_t>(axis);
  const int64_t end = *index == -1 ? INT64_MAX : *index + 1;
  const Ref x = call.add(Slice{.axis = place, .begin = *index, .end = end}, {call.tensor(0)});
  return {{call.add(Squeeze{.axes = {place}}, {x})}};
}

/// Amounts per axis of x, from LibTorch's list, which starts at the last axis.
struct Amounts {
  Dims begin, end;
};
Amounts amounts(AtenCall& call) {
  const Dims sizes = call.sizes(0), list = call.dims(1);
  const Dim zero = constant(0, list.at(0));
  Amounts out{Dims(sizes.size(), zero), Dims(sizes.size(), zero)};
  for (size_t i = 0; 2 * i + 1 < list.size(); ++i) {
    out.begin.at(sizes.size() - 1 - i) = list[2 * i];
    out.end.at(sizes.size() - 1 - i) = list[2 * i + 1];
  }
  return out;
}

/// Pads to (or cuts to) the size of another tensor.
Ref fit(AtenCall& call, Ref x, size_t axis, const Dim& before) {
  const Dim from = call.sizes(0).at(axis), to = call.result_sizes().at(axis);
  const auto like = call.find_like({to});
  const Sizes axes{static_cast<int64_t>(axis)};
  if (!like) call.fix({to});
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

AtenResult pad_with(AtenCall& call, PadMode mode, double value) {
  const auto [begin, end] = amounts(call);
  Pad op{.mode = mode, .value = value};
  Ref x = call.tensor(0);
  for (size_t i = 0; i < begin.size(); ++i) {
    const bool varies = begin[i].varies() || end[i].varies();
    if (varies && (mode != PadMode::kZeros || value != 0)) call.fix({begin[i], end[i]});
    if (varies) x = fit(call, x, i, begin[i]);
    op.begin.push_back(varies ? 0 : begin[i].value());
    op.end.push_back(varies ? 0 : end[i].value());
  }
  const auto none = [](int64_t n) { return n == 0; };
  if (std::all_of(op.begin.begin(), op.begin.end(), none) &&
      std::all_of(op.end.begin(), op.end.end(), none)) {
    return {{x}};
  }
  return {{call.add(op, {x})}};
}

double value_at(AtenCall& call, size_t i) {
  return call.size() > i && call.given(i) ? call.number(i) : 0;
}

// input, amounts, value
AtenResult constant_pad(AtenCall& call) {
  return pad_with(call, PadMode::kZeros, value_at(call, 2));
}

// input, amounts, mode, value
AtenResult pad_by_number(AtenCall& call) {
  constexpr PadMode kModes[] = {PadMode::kReflect, PadMode::kReplicate, PadMode::kCircular,
                                PadMode::kZeros};
  return pad_with(call, kModes[call.integer(2) & 3], value_at(call, 3));
}

AtenResult pad_by_name(AtenCall& call) {
  for (const auto& [name, mode] :
       {std::pair{"constant", PadMode::kZeros}, std::pair{"reflect", PadMode::kReflect},
        std::pair{"replicate", PadMode::kReplicate}, std::pair{"circular", PadMode::kCircular}}) {
    if (call.text(2) == name) return pad_with(call, mode, value_at(call, 3));
  }
  return std::nullopt;
}

template <PadMode Mode>
AtenResult pad(AtenCall& call) {
  return pad_with(call, Mode, 0);
}

constexpr AtenEntry kRules[] = {
    {"aten::slice", slice},
    {"aten::narrow", narrow},
    {"aten::select", select},
    {"aten::constant_pad_nd", constant_pad},
    {"aten::_pad_enum", pad_by_number},
    {"aten::pad", pad_by_name},
    {"aten::reflection_pad1d", pad<PadMode::kReflect>},
    {"aten::reflection_pad2d", pad<PadMode::kReflect>},
    {"aten::reflection_pad3d", pad<PadMode::kReflect>},
    {"aten::replication_pad1d", pad<PadMode::kReplicate>},
    {"aten::replication_pad2d", pad<PadMode::kReplicate>},
    {"aten::replication_pad3d", pad<PadMode::kReplicate>},
};

}  // namespace

AtenRules cut_rules() { return kRules; }

}  // namespace rung::ops
