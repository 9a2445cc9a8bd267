#include <algorithm>
#include <climits>
#include <numeric>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/ops/check.h"
#include "rung/ops/layout/follow.h"
#include "rung/ops/onnx.h"

namespace rung::ops {
namespace {

Dim constant(int64_t value, const Dim& like) {
  return {std::vector<int64_t>(like.seen.size(), value)};
}

size_t axis_of(OnnxCall& call, int64_t axis, size_t extra = 0) {
  return resolve_axis(axis, call.rank(0) + extra);
}

Sizes resolved(Sizes axes, size_t rank) {
  for (auto& axis : axes) axis = static_cast<int64_t>(resolve_axis(axis, rank));
  return axes;
}

Sizes counting(size_t count) {
  Sizes out(count);
  std::iota(out.begin(), out.end(), 0);
  return out;
}

/// The sizes that a Reshape gives: 0 keeps one, -1 takes what is left.
Dims reshaped(const Dims& from, Dims to, bool zero_is_zero) {
  const size_t places = from.empty() ? (to.empty() ? 1 : to[0].seen.size()) : from[0].seen.size();
  for (size_t k = 0; k < places; ++k) {
    int64_t all = 1, known = 1;
    std::optional<size_t> open;
    for (const Dim& size : from) all *= size.seen[k];
    for (size_t i = 0; i < to.size(); ++i) {
      int64_t& size = to[i].seen[k];
      if (size == 0 && !zero_is_zero) {
        if (i >= from.size()) fail_user("shape asks to keep axis {} of {} axes", i, from.size());
        size = from[i].seen[k];
      }
      if (size < -1 || (size == -1 && open)) fail_user("shape holds {}", size);
      if (size == -1) {
        open = i;
      } else {
        known = checked_mul(known, size);
      }
    }
    if (open) to[*open].seen[k] = known == 0 ? 0 : all / known;
    if (open ? known != 0 && all % known != 0 : known != all) {
      fail_user("{} elements do not fit a shape of {}", all, known);
    }
  }
  return to;
}

Dims shape_of(OnnxCall& call, size_t i) {
  if (call.given(i)) return call.dims(i);
  Dims out;
  const size_t places = call.sizes(0).empty() ? 1 : call.sizes(0)[0].seen.size();
  for (const int64_t n : call.integers("shape")) out.push_back({std::vector<int64_t>(places, n)});
  return out;
}

OnnxResult reshape(OnnxCall& call) {
  const Dims from = call.sizes(0);
  const Dims to = reshaped(from, shape_of(call, 1), call.integer("allowzero", 0) != 0);
  return {reshape_to(call, call.tensor(0), from, to)};
}

OnnxResult flatten(OnnxCall& call) {
  const Dims from = call.sizes(0);
  const int64_t given = call.integer("axis", 1);
  const size_t axis =
      given == static_cast<int64_t>(from.size()) ? from.size() : axis_of(call, given);
  const size_t places = from.empty() ? 1 : from[0].seen.size();
  Dims to(2, Dim{std::vector<int64_t>(places, 1)});
  for (size_t i = 0; i < from.size(); ++i) {
    for (size_t k = 0; k < places; ++k) to[i < axis ? 0 : 1].seen[k] *= from[i].seen[k];
  }
  return {reshape_to(call, call.tensor(0), from, to)};
}

OnnxResult transpose(OnnxCall& call) {
  Sizes order = counting(call.rank(0));
  std::reverse(order.begin(), order.end());
  order = call.integers("perm", order);
  if (order.size() < 2) return {call.tensor(0)};
  return {call.add(Transpose{.order = order}, {call.tensor(0)})};
}

OnnxResult squeeze(OnnxCall& call) {
  const Dims sizes = call.sizes(0);
  Sizes axes = resolved(call.integers(1, "axes"), sizes.size());
  if (!call.given(1) && !call.has("axes")) {
    for (size_t i = 0; i < sizes.size(); ++i) {
      if (!sizes[i].varies() && sizes[i].value() == 1) axes.push_back(static_cast<int64_t>(i));
    }
  }
  if (axes.empty()) return {call.tensor(0)};
  return {call.add(Squeeze{.axes = axes}, {call.tensor(0)})};
}

OnnxResult unsqueeze(OnnxCall& call) {
  Sizes axes = call.integers(1, "axes");
  axes = resolved(axes, call.rank(0) + axes.size());
  std::sort(axes.begin(), axes.end());
  if (axes.empty()) return {call.tensor(0)};
  return {call.add(Unsqueeze{.axes = axes}, {call.tensor(0)})};
}

OnnxResult expand(OnnxCall& call) {
  Dims from = call.sizes(0), to = call.dims(1);
  const Dims& longer = from.size() > to.size() ? from : to;
  Dims sizes = longer;
  for (size_t i = 0; i < sizes.size(); ++i) {
    for (size_t k = 0; k < sizes[i].seen.size(); ++k) {
      int64_t size = 1;
      for (const Dims* dims : {&from, &to}) {
        if (i + dims->size() < sizes.size()) continue;
        const int64_t n = (*dims)[i + dims->size() - sizes.size()].seen[k];
        if (n != 1 && size != 1 && n != size) fail_user("{} and {} do not broadcast", size, n);
        if (n != 1) size = n;
      }
      sizes[i].seen[k] = size;
    }
  }
  return {broadcast_to(call, call.tensor(0), sizes)};
}

OnnxResult concat(OnnxCall& call) {
  std::vector<Ref> parts;
  const int64_t axis = call.integer("axis", 1);
  for (size_t i = 0; i < call.size(); ++i) parts.push_back(call.tensor(i));
  return {call.add(Concat{.axis = axis}, parts)};
}

OnnxResult split(OnnxCall& call) {
  const size_t axis = axis_of(call, call.integer("axis", 0));
  const Dim size = call.sizes(0)[axis];
  Split op{.axis = static_cast<int64_t>(axis), .sizes = call.integers(1, "split")};
  if (op.sizes.empty()) {
    if (size.varies()) call.fix({size});
    const auto parts = static_cast<int64_t>(call.results());
    const int64_t part = (size.value() + parts - 1) / parts;
    for (int64_t i = 0; i < parts; ++i) {
      op.sizes.push_back(std::clamp<int64_t>(size.value() - i * part, 0, part));
    }
  }
  if (op.sizes.size() == 1) return {call.tensor(0)};
  return call.add_all(op, {call.tensor(0)});
}

/// x[begin:end:step] with a step below zero: entry by entry.
Ref backwards(OnnxCall& call, Ref x, size_t axis, const Dim& size, int64_t begin, int64_t end,
              int64_t step) {
  if (size.varies()) call.fix({size});
  const int64_t n = size.value();
  const auto place = [n](int64_t at) { return at < 0 ? at + n : at; };
  begin = std::clamp<int64_t>(place(begin), -1, n - 1);
  end = end < -n ? -1 : std::clamp<int64_t>(place(end), -1, n);
  std::vector<int64_t> places;
  for (int64_t i = begin; i > end; i += step) places.push_back(i);
  const auto count = static_cast<int64_t>(places.size());
  const Ref index = call.add(Constant{Tensor::i64({count}, std::move(places))}, {});
  return call.add(Gather{.axis = static_cast<int64_t>(axis)}, {x, index});
}

// x, starts, ends, axes, steps: inputs since opset 10
OnnxResult slice(OnnxCall& call) {
  const bool inputs = call.given(1);
  const Dims sizes = call.sizes(0);
  const size_t places = sizes.empty() ? 1 : sizes[0].seen.size();
  const auto listed = [&](const char* attribute) {
    Dims out;
    for (const int64_t n : call.integers(attribute)) {
      out.push_back({std::vector<int64_t>(places, n)});
    }
    return out;
  };
  const Dims begins = inputs ? call.dims(1) : listed("starts");
  const Dims ends = inputs ? call.dims(2) : listed("ends");
  if (begins.size() != ends.size()) {
    fail_user("{} starts and {} ends", begins.size(), ends.size());
  }
  const bool all = inputs ? !call.given(3) : !call.has("axes");
  const Sizes axes = all ? counting(begins.size()) : call.integers(3, "axes");
  const Sizes steps = call.given(4) ? call.integers(4) : Sizes(begins.size(), 1);
  if (axes.size() != begins.size() || steps.size() != begins.size()) {
    fail_user("{} starts, {} axes and {} steps", begins.size(), axes.size(), steps.size());
  }
  Ref x = call.tensor(0);
  for (size_t i = 0; i < begins.size(); ++i) {
    const size_t axis = axis_of(call, axes[i]);
    const Dim& size = sizes[axis];
    if (steps[i] < 0) {
      if (begins[i].varies() || ends[i].varies()) call.fix({begins[i], ends[i]});
      x = backwards(call, x, axis, size, begins[i].value(), ends[i].value(), steps[i]);
      continue;
    }
    x = cut(call, x, axis, size, resolve_position(begins[i], size), resolve_position(ends[i], size),
            steps[i]);
  }
  return {x};
}

// data, pads, value, axes: inputs since opset 11
OnnxResult pad_rule(OnnxCall& call) {
  const Dims sizes = call.sizes(0);
  const size_t rank = sizes.size();
  if (rank == 0) return {call.tensor(0)};
  const Dim zero = constant(0, sizes[0]);
  Dims amounts;
  if (call.given(1)) {
    amounts = call.dims(1);
  } else {
    for (const int64_t n : call.integers(call.has("pads") ? "pads" : "paddings")) {
      amounts.push_back(constant(n, sizes[0]));
    }
  }
  const Sizes axes = call.given(3) ? resolved(call.integers(3), rank) : counting(rank);
  if (amounts.size() != 2 * axes.size()) {
    fail_user("{} pads for {} axes; two for each are needed", amounts.size(), axes.size());
  }
  Dims begin(rank, zero), end(rank, zero);
  for (size_t i = 0; i < axes.size(); ++i) {
    begin[static_cast<size_t>(axes[i])] = amounts[i];
    end[static_cast<size_t>(axes[i])] = amounts[axes.size() + i];
  }
  const double value = call.given(2) ? call.number(2) : call.number("value", 0);
  const std::string name = call.text("mode", "constant");
  for (const auto& [mode, ours] :
       {std::pair{"constant", PadMode::kZeros}, std::pair{"reflect", PadMode::kReflect},
        std::pair{"edge", PadMode::kReplicate}, std::pair{"wrap", PadMode::kCircular}}) {
    if (name != mode) continue;
    return {
        pad(call, call.tensor(0), sizes, begin, end, ours, ours == PadMode::kZeros ? value : 0)};
  }
  fail_user("attribute mode is {}; it is constant, reflect, edge or wrap", quoted(name));
}

OnnxResult tile(OnnxCall& call) {
  const Sizes repeats = call.integers(1);
  Ref x = call.tensor(0);
  if (repeats.size() != call.rank(0)) {
    fail_user("{} repeats for {} axes", repeats.size(), call.rank(0));
  }
  for (size_t i = 0; i < repeats.size(); ++i) {
    if (repeats[i] < 0 || repeats[i] > 100000) fail_user("repeats holds {}", repeats[i]);
    const auto axis = static_cast<int64_t>(i);
    if (repeats[i] == 0) {
      x = call.add(Slice{.axis = axis, .begin = 0, .end = 0}, {x});
    } else if (repeats[i] > 1) {
      x = call.add(Concat{.axis = axis}, std::vector<Ref>(static_cast<size_t>(repeats[i]), x));
    }
  }
  return {x};
}

// [N, C, H, W] -> [N, C / b², H·b, W·b]
OnnxResult depth_to_space(OnnxCall& call) {
  const Ref x = call.tensor(0);
  const int64_t b = call.integer("blocksize");
  const bool crd = call.text("mode", "DCR") == "CRD";
  const Dims sizes = call.sizes(0);
  if (sizes.size() != 4 || b < 1 || sizes[1].varies() || sizes[1].value() % (b * b) != 0) {
    fail_user("DepthToSpace with blocksize {} does not take {}", b, to_string(call.type(x)));
  }
  const Dim block = constant(b, sizes[0]),
            channels = constant(sizes[1].value() / (b * b), sizes[0]);
  Ref y = split_axis(call, x, 1, crd ? Dims{channels, block, block} : Dims{block, block, channels});
  y = call.add(Transpose{.order = crd ? Sizes{0, 1, 4, 2, 5, 3} : Sizes{0, 3, 4, 1, 5, 2}}, {y});
  y = call.add(Flatten{.first = 4, .last = 5}, {y});
  return {call.add(Flatten{.first = 2, .last = 3}, {y})};
}

// [N, C, H, W] -> [N, C·b², H / b, W / b]
OnnxResult space_to_depth(OnnxCall& call) {
  const Ref x = call.tensor(0);
  const int64_t b = call.integer("blocksize");
  const Dims sizes = call.sizes(0);
  if (sizes.size() != 4 || b < 1) {
    fail_user("SpaceToDepth with blocksize {} does not take {}", b, to_string(call.type(x)));
  }
  const auto parts = [&](const Dim& size) {
    Dim outer = size;
    for (auto& n : outer.seen) n /= b;
    return Dims{outer, constant(b, size)};
  };
  Ref y = split_axis(call, x, 3, parts(sizes[3]));
  y = split_axis(call, y, 2, parts(sizes[2]));                // N C h b w b
  y = call.add(Transpose{.order = {0, 3, 5, 1, 2, 4}}, {y});  // N b b C h w
  return {call.add(Flatten{.first = 1, .last = 3}, {y})};
}

OnnxResult trilu(OnnxCall& call) {
  const int64_t k = call.given(1) ? call.integer(1) : 0;
  const bool upper = call.integer("upper", 1) != 0;
  const char* schema = upper ? "aten::triu(Tensor self, int diagonal=0) -> Tensor"
                             : "aten::tril(Tensor self, int diagonal=0) -> Tensor";
  return {Aten(call, schema).input(call.tensor(0)).integer(k).like()};
}

OnnxResult center_crop_pad(OnnxCall& call) {
  const Dims sizes = call.sizes(0), to = call.dims(1);
  const Sizes axes =
      call.has("axes") ? resolved(call.integers("axes"), sizes.size()) : counting(sizes.size());
  if (to.size() != axes.size()) fail_user("{} sizes for {} axes", to.size(), axes.size());
  Dims begin(sizes.size(), constant(0, sizes.at(0))), end = begin;
  for (size_t i = 0; i < axes.size(); ++i) {
    const auto axis = static_cast<size_t>(axes[i]);
    for (size_t k = 0; k < to[i].seen.size(); ++k) {
      const int64_t more = to[i].seen[k] - sizes[axis].seen[k];
      begin[axis].seen[k] = more >= 0 ? more / 2 : -((-more) / 2);
      end[axis].seen[k] = more - begin[axis].seen[k];
    }
  }
  return {pad(call, call.tensor(0), sizes, begin, end, PadMode::kZeros, 0)};
}

constexpr OnnxEntry kLayoutRules[] = {
    {"Reshape", reshape},
    {"Flatten", flatten},
    {"Transpose", transpose},
    {"Squeeze", squeeze},
    {"Unsqueeze", unsqueeze},
    {"Expand", expand},
    {"Concat", concat},
    {"Split", split},
    {"Slice", slice},
    {"Pad", pad_rule},
    {"Tile", tile},
    {"DepthToSpace", depth_to_space},
    {"SpaceToDepth", space_to_depth},
    {"Trilu", trilu},
    {"CenterCropPad", center_crop_pad},
};

}  // namespace

OnnxRules layout_onnx() { return kLayoutRules; }

}  // namespace rung::ops
