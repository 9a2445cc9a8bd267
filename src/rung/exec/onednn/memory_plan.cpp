#include "rung/exec/onednn/memory_plan.h"

#include <algorithm>
#include <map>

namespace rung::onednn {
namespace {

constexpr int64_t kAlignment = 64;

struct Block {
  int64_t bytes = 0;
  size_t first = SIZE_MAX;  ///< steps
  size_t last = 0;
  int64_t offset = 0;
  void touch(size_t step) {
    first = std::min(first, step);
    last = std::max(last, step);
  }
};

int64_t aligned(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

int64_t most_scratch(const Step& step) {
  int64_t most = 0;
  for (const Way& way : step.ways) most = std::max(most, way.scratch);
  return most;
}

int64_t most_alive(const std::vector<Block*>& blocks, size_t steps) {
  std::vector<int64_t> change(steps + 2, 0);
  for (const Block* block : blocks) {
    change[block->first] += block->bytes;
    change[block->last + 1] -= block->bytes;
  }
  int64_t now = 0, most = 0;
  for (const int64_t delta : change) most = std::max(most, now += delta);
  return most;
}

/// Blocks that have a place, by the steps at which they live, in buckets, so that a new one meets
/// its contemporaries alone.
class Placed {
 public:
  explicit Placed(size_t steps) : buckets_(steps / kBucket + 1) {}

  void place(Block& block) {
    std::vector<const Block*> others;
    for (size_t b = block.first / kBucket; b <= block.last / kBucket; ++b) {
      for (const Block* other : buckets_[b]) {
        if (other->first <= block.last && block.first <= other->last) others.push_back(other);
      }
    }
    std::sort(others.begin(), others.end(),
              [](const Block* a, const Block* b) { return a->offset < b->offset; });
    int64_t at = 0, best = -1, best_gap = INT64_MAX;
    for (const Block* other : others) {
      const int64_t gap = other->offset - at;
      if (gap >= block.bytes && gap < best_gap) {
        best = at;
        best_gap = gap;
      }
      at = std::max(at, other->offset + other->bytes);
    }
    block.offset = best >= 0 ? best : at;
    for (size_t b = block.first / kBucket; b <= block.last / kBucket; ++b) {
      buckets_[b].push_back(&block);
    }
  }

 private:
  static constexpr size_t kBucket = 16;
  std::vector<std::vector<const Block*>> buckets_;
};

}  // namespace

MemoryPlan plan_memory(const Draft& draft) {
  const size_t steps = draft.steps.size();
  std::vector<Block> values(draft.slots.size()), scratch(steps);
  const auto touch = [&](Ref ref, size_t step) {
    const Ref root = draft.root(ref).first;
    if (draft.slot(root).home == Home::kArena) values[static_cast<size_t>(root.index)].touch(step);
  };
  for (size_t i = 0; i < steps; ++i) {
    for (const Ref ref : draft.steps[i].step.in) touch(ref, i);
    for (const Ref ref : draft.steps[i].step.out) touch(ref, i);
    scratch[i] = {.bytes = aligned(most_scratch(draft.steps[i].step)), .first = i, .last = i};
  }
  std::vector<Block*> blocks;
  for (size_t i = 0; i < values.size(); ++i) {
    values[i].bytes = aligned(draft.slots[i].bytes);
    if (values[i].first != SIZE_MAX && values[i].bytes > 0) blocks.push_back(&values[i]);
  }
  for (Block& block : scratch) {
    if (block.bytes > 0) blocks.push_back(&block);
  }
  std::stable_sort(blocks.begin(), blocks.end(), [](const Block* a, const Block* b) {
    return std::pair(b->bytes, a->first) < std::pair(a->bytes, b->first);
  });
  MemoryPlan plan{.lower_bound = most_alive(blocks, steps)};
  Placed placed(steps);
  for (Block* block : blocks) {
    placed.place(*block);
    plan.bytes = std::max(plan.bytes, block->offset + block->bytes);
  }
  for (const Block& block : values) plan.offsets.push_back(block.offset);
  for (const Block& block : scratch) plan.scratch.push_back(block.offset);
  return plan;
}

}  // namespace rung::onednn
