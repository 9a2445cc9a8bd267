#include "rung/ops/reduce/reduce_plan.h"

namespace rung::onednn {
namespace {

/// Lanes that one thread should take at a time, so that few long rows can be spread.
constexpr int64_t kMostLanes = 256;

/// Axes next to each other that share a fate.
struct Group {
  int64_t size = 1;
  int64_t stride = 1;
  bool folded = false;
};

std::vector<Group> groups_of(const Shape& shape, const std::vector<bool>& folded) {
  std::vector<Group> groups;
  int64_t stride = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    if (shape[i] == 1) continue;
    if (!groups.empty() && groups.back().folded == folded[i]) {
      groups.back().size *= shape[i];
    } else {
      groups.push_back({shape[i], stride, folded[i]});
    }
    stride *= shape[i];
  }
  return {groups.rbegin(), groups.rend()};
}

/// The offsets of all places of these groups, the last one moving fastest.
std::vector<int64_t> offsets_of(const std::vector<Group>& groups) {
  std::vector<int64_t> out = {0};
  for (const Group& group : groups) {
    std::vector<int64_t> longer;
    for (const int64_t base : out) {
      for (int64_t i = 0; i < group.size; ++i) longer.push_back(base + i * group.stride);
    }
    out = std::move(longer);
  }
  return out;
}

void add_row(ReducePlan& plan, int64_t in, int64_t out, int64_t lanes) {
  for (int64_t at = 0; at < lanes; at += kMostLanes) {
    plan.rows.push_back({in + at, out + at, std::min(kMostLanes, lanes - at)});
  }
}

}  // namespace

ReducePlan reduce_plan(const Shape& shape, const std::vector<bool>& folded) {
  std::vector<Group> kept, gone;
  for (const Group& group : groups_of(shape, folded)) {
    (group.folded ? gone : kept).push_back(group);
  }
  ReducePlan plan;
  if (!gone.empty()) {
    plan.run = gone.back().size;
    plan.step = gone.back().stride;
    gone.pop_back();
  }
  plan.folds = offsets_of(gone);
  int64_t lanes = 1;
  if (!kept.empty() && kept.back().stride == 1) {
    lanes = kept.back().size;
    kept.pop_back();
  }
  int64_t out = 0;
  for (const int64_t in : offsets_of(kept)) {
    add_row(plan, in, out, lanes);
    out += lanes;
  }
  return plan;
}

ReducePlan reduce_space_plan(const Shape& shape, bool blocked) {
  const MapView view = map_view(shape, Layout::kBlocked);
  ReducePlan plan{.folds = {0}, .run = view.pixels(), .step = view.inner};
  const int64_t blocks = shape[0] == 0 ? 0 : view.planes / shape[0];
  for (int64_t plane = 0; plane < view.planes; ++plane) {
    const int64_t in = plane * view.pixels() * view.inner;
    const int64_t image = plane / blocks, first = plane % blocks * view.inner;
    if (blocked) {
      plan.rows.push_back({in, plane * view.inner, view.inner});
    } else {
      plan.rows.push_back({in, image * shape[1] + first, std::min(view.inner, shape[1] - first)});
    }
  }
  return plan;
}

}  // namespace rung::onednn
