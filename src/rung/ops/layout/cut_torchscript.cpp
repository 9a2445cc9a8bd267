#include <climits>

#include "rung/ops/layout/follow.h"
#include "rung/ops/torchscript.h"

// Slices and pads: what takes or adds a stretch of an axis.

namespace rung::ops {
namespace {

Dim constant(int64_t value, const Dim& like) {
  return {std::vector<int64_t>(like.seen.size(), value)};
}

// input, axis, begin, end, step
AtenResult slice(AtenCall& call) {
  const size_t axis = resolve_axis(call.integer(1), call.type(call.tensor(0)).rank());
  const Dim size = call.sizes(0).at(axis);
  const Dim begin = call.given(2) ? call.dims(2).at(0) : constant(0, size);
  const Dim end = call.given(3) ? call.dims(3).at(0) : constant(INT64_MAX, size);
  return {{cut(call, call.tensor(0), axis, size, resolve_position(begin, size),
               resolve_position(end, size), call.integer(4))}};
}

// input, axis, begin, length
AtenResult narrow(AtenCall& call) {
  if (call.is_tensor(2)) return std::nullopt;
  const size_t axis = resolve_axis(call.integer(1), call.type(call.tensor(0)).rank());
  const Dim size = call.sizes(0).at(axis), length = call.dims(3).at(0);
  Dim begin = call.dims(2).at(0);
  for (size_t i = 0; i < begin.seen.size(); ++i) {
    if (begin.seen[i] < 0) begin.seen[i] += size.seen[i];
  }
  Dim end = begin;
  for (size_t i = 0; i < end.seen.size(); ++i) end.seen[i] += length.seen[i];
  return {{cut(call, call.tensor(0), axis, size, begin, end, 1)}};
}

// input, axis, index
AtenResult select(AtenCall& call) {
  const size_t axis = resolve_axis(call.integer(1), call.type(call.tensor(0)).rank());
  const int64_t index = place_of(call, call.dims(2).at(0), call.sizes(0).at(axis));
  const auto place = static_cast<int64_t>(axis);
  const int64_t end = index == -1 ? INT64_MAX : index + 1;
  const Ref x = call.add(Slice{.axis = place, .begin = index, .end = end}, {call.tensor(0)});
  return {{call.add(Squeeze{.axes = {place}}, {x})}};
}

/// LibTorch's list of amounts starts at the last axis.
AtenResult pad_with(AtenCall& call, PadMode mode, double value) {
  const Dims sizes = call.sizes(0), list = call.dims(1);
  const Dim zero = constant(0, list.at(0));
  Dims begin(sizes.size(), zero), end(sizes.size(), zero);
  for (size_t i = 0; 2 * i + 1 < list.size(); ++i) {
    begin.at(sizes.size() - 1 - i) = list[2 * i];
    end.at(sizes.size() - 1 - i) = list[2 * i + 1];
  }
  return {{pad(call, call.tensor(0), sizes, begin, end, mode, value)}};
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
AtenResult pad_mode(AtenCall& call) {
  return pad_with(call, Mode, 0);
}

constexpr AtenEntry kCutRules[] = {
    {"aten::slice", slice},
    {"aten::narrow", narrow},
    {"aten::select", select},
    {"aten::constant_pad_nd", constant_pad},
    {"aten::_pad_enum", pad_by_number},
    {"aten::pad", pad_by_name},
    {"aten::reflection_pad1d", pad_mode<PadMode::kReflect>},
    {"aten::reflection_pad2d", pad_mode<PadMode::kReflect>},
    {"aten::reflection_pad3d", pad_mode<PadMode::kReflect>},
    {"aten::replication_pad1d", pad_mode<PadMode::kReplicate>},
    {"aten::replication_pad2d", pad_mode<PadMode::kReplicate>},
    {"aten::replication_pad3d", pad_mode<PadMode::kReplicate>},
};

}  // namespace

AtenRules cut_rules() { return kCutRules; }

}  // namespace rung::ops
