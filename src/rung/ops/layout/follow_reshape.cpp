#include <algorithm>
#include <numeric>

#include "rung/ops/layout/follow.h"

namespace rung::ops {
namespace {

/// Neighbouring axes of the input that hold the same elements as neighbouring axes of the result.
struct Group {
  size_t from_begin, from_end, to_begin, to_end;
  bool kept() const { return from_end - from_begin == 1 && to_end - to_begin == 1; }
  bool merges() const { return from_end - from_begin > 1 && to_end - to_begin == 1; }
};

int64_t product(const Dims& sizes, size_t begin, size_t end, size_t at) {
  int64_t out = 1;
  for (size_t i = begin; i < end; ++i) out *= sizes[i].seen[at];
  return out;
}

bool equal(const Dims& from, const Dims& to, const Group& group) {
  for (size_t k = 0; k < from[0].seen.size(); ++k) {
    if (product(from, group.from_begin, group.from_end, k) !=
        product(to, group.to_begin, group.to_end, k)) {
      return false;
    }
  }
  return true;
}

/// The smallest groups that are equal at every size; the last takes axes of one that are left.
std::vector<Group> group(const Dims& from, const Dims& to) {
  std::vector<Group> groups;
  size_t i = 0, j = 0;
  while (i < from.size() && j < to.size()) {
    Group next{i, i + 1, j, j + 1};
    while (!equal(from, to, next)) {
      const bool behind = product(from, i, next.from_end, 0) <= product(to, j, next.to_end, 0);
      if (next.from_end < from.size() && (behind || next.to_end == to.size())) {
        ++next.from_end;
      } else if (next.to_end < to.size()) {
        ++next.to_end;
      } else {
        break;
      }
    }
    i = next.from_end;
    j = next.to_end;
    groups.push_back(next);
  }
  if (!groups.empty()) {
    groups.back().from_end = from.size();
    groups.back().to_end = to.size();
  }
  return groups;
}

/// One Reshape, where no more than one size must be worked out when it runs.
std::optional<Sizes> simple_shape(const Dims& from, const Dims& to) {
  Sizes shape;
  bool open = false;
  for (size_t i = 0; i < to.size(); ++i) {
    if (!to[i].varies()) {
      if (to[i].value() == 0) return std::nullopt;
      shape.push_back(to[i].value());
    } else if (i < from.size() && from[i].seen == to[i].seen) {
      shape.push_back(0);
    } else if (!open) {
      shape.push_back(-1);
      open = true;
    } else {
      return std::nullopt;
    }
  }
  return shape;
}

Sizes counting(size_t count) {
  Sizes out(count);
  std::iota(out.begin(), out.end(), 0);
  return out;
}

int64_t count_varying(const Dims& sizes) {
  return std::count_if(sizes.begin(), sizes.end(), [](const Dim& size) { return size.varies(); });
}

/// The map of which h and w are those of tokens, [N, T, F] or [N, F, T].
std::optional<Like> map_of_tokens(ImportCall& call, Ref x, size_t axis, const Dims& parts) {
  if (call.type(x).rank() != 3 || axis == 0 || parts.size() != 2) return std::nullopt;
  auto like = call.find_like(parts);
  if (!like || call.type(like->tensor).rank() != 4 || like->axes != Sizes{2, 3})
    return std::nullopt;
  return like;
}

/// [N, T, F] -> [N, h, w, F], or [N, F, T] -> [N, F, h, w], where h and w are another map's.
std::optional<Ref> tokens_to_map(ImportCall& call, Ref x, size_t axis, const Dims& parts) {
  const auto like = map_of_tokens(call, x, axis, parts);
  if (!like) return std::nullopt;
  if (axis == 2) x = call.add(Transpose{.order = {0, 2, 1}}, {x});
  const Ref map = call.add(TokensToMap{}, {x, like->tensor});
  return axis == 2 ? map : call.add(Transpose{.order = {0, 2, 3, 1}}, {map});
}

/// The transpose that a reshape is where one axis of 1 changes its place, [N, 1, H, W] -> [N, H, W,
/// 1], as tf2onnx writes it: it holds at every size, and tells what each axis means.
std::optional<Sizes> moved_one(const Dims& from, const Dims& to) {
  if (from.size() != to.size()) return std::nullopt;
  const auto same = [](const Dim& a, const Dim& b) { return a.seen == b.seen; };
  const auto first = std::mismatch(from.begin(), from.end(), to.begin(), same).first - from.begin();
  const auto behind = std::mismatch(from.rbegin(), from.rend(), to.rbegin(), same).first;
  const auto last = from.rend() - behind - 1;
  if (first >= last) return std::nullopt;
  const auto is_one = [](const Dim& size) { return !size.varies() && size.value() == 1; };
  Sizes order = counting(from.size());
  const auto at = [&](std::ptrdiff_t i) { return order.begin() + i; };
  if (is_one(from[static_cast<size_t>(first)])) {
    std::rotate(at(first), at(first) + 1, at(last) + 1);
  } else if (is_one(from[static_cast<size_t>(last)])) {
    std::rotate(at(first), at(last), at(last) + 1);
  }
  for (size_t i = 0; i < to.size(); ++i) {
    if (!same(from[static_cast<size_t>(order[i])], to[i])) return std::nullopt;
  }
  return order;
}

/// The sizes of a group's axes in the result.
Dims parts_of(const Group& group, const Dims& to) {
  return {to.begin() + static_cast<int64_t>(group.to_begin),
          to.begin() + static_cast<int64_t>(group.to_end)};
}

/// x before an axis was flattened that is to be cut into several sizes that vary: no op of rung's
/// does that, but for those of a map.
std::optional<Ref> before_flatten(ImportCall& call, Ref x, const Group& group, const Dims& to) {
  const Dims parts = parts_of(group, to);
  if (group.from_end - group.from_begin != 1 || count_varying(parts) < 2) return std::nullopt;
  if (map_of_tokens(call, x, group.from_begin, parts)) return std::nullopt;
  return unflattened(call, x, group.from_begin, parts);
}

}  // namespace

Ref split_axis(ImportCall& call, Ref x, size_t axis, const Dims& parts) {
  const size_t rank = call.type(x).rank();
  if (count_varying(parts) > 1) {
    if (const auto map = tokens_to_map(call, x, axis, parts)) return *map;
    call.fix(parts);
  }
  // The axes behind it keep their sizes only in front of it: [a, x, b] -> [a, b, x1, x2] -> back.
  Sizes to_end, shape;
  for (size_t i = 0; i < rank; ++i) {
    if (i != axis) to_end.push_back(static_cast<int64_t>(i));
  }
  to_end.push_back(static_cast<int64_t>(axis));
  const bool moves = axis + 1 != rank;
  if (moves) x = call.add(Transpose{.order = to_end}, {x});
  shape.assign(rank - 1, 0);
  for (const Dim& part : parts) shape.push_back(part.varies() ? -1 : part.value());
  x = call.add(Reshape{.shape = shape}, {x});
  if (!moves) return x;
  Sizes back = counting(axis);
  for (size_t i = 0; i < parts.size(); ++i) back.push_back(static_cast<int64_t>(rank - 1 + i));
  for (size_t i = axis; i + 1 < rank; ++i) back.push_back(static_cast<int64_t>(i));
  return call.add(Transpose{.order = back}, {x});
}

Ref reshape_to(ImportCall& call, Ref x, Dims from, const Dims& to) {
  const auto same = [](const Dim& a, const Dim& b) { return a.seen == b.seen; };
  if (std::equal(from.begin(), from.end(), to.begin(), to.end(), same)) return x;
  if (const auto order = moved_one(from, to)) return call.add(Transpose{.order = *order}, {x});
  const auto is_fixed = [](const Dim& size) { return !size.varies(); };
  const auto is_zero = [](const Dim& size) { return size.value() == 0; };
  if (std::all_of(to.begin(), to.end(), is_fixed) && std::any_of(to.begin(), to.end(), is_zero)) {
    Shape shape;  // of nothing: there are no elements to move
    for (const Dim& size : to) shape.push_back(size.value());
    return call.add(Constant{Tensor(call.type(x).dtype, shape)}, {});
  }
  const auto groups = from.empty() || to.empty() ? std::vector<Group>{} : group(from, to);
  const auto changed =
      std::count_if(groups.begin(), groups.end(), [](const Group& group) { return !group.kept(); });
  for (const Group& group : groups) {
    if (changed != 1 || !group.merges()) continue;
    return call.add(Flatten{.first = static_cast<int64_t>(group.from_begin),
                            .last = static_cast<int64_t>(group.from_end) - 1},
                    {x});
  }
  for (const Group& group : groups) {
    if (!equal(from, to, group)) continue;
    if (const auto y = before_flatten(call, x, group, to)) {
      return reshape_to(call, *y, call.sizes_of(*y), to);
    }
  }
  if (const auto shape = simple_shape(from, to)) return call.add(Reshape{.shape = *shape}, {x});
  for (size_t i = groups.size(); i-- > 0;) {  // from the back, so that places stay valid
    const Group& group = groups[i];
    if (group.kept()) continue;
    if (!equal(from, to, group)) call.fix(to);
    if (group.from_end - group.from_begin > 1) {
      x = call.add(Flatten{.first = static_cast<int64_t>(group.from_begin),
                           .last = static_cast<int64_t>(group.from_end) - 1},
                   {x});
    }
    const Dims parts = parts_of(group, to);
    if (parts.size() > 1) x = split_axis(call, x, group.from_begin, parts);
  }
  return x;
}

}  // namespace rung::ops
