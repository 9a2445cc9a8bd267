#include "rung/exec/onednn/places.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "rung/exec/onednn/reorder.h"

namespace rung::onednn {
namespace {

constexpr size_t kNever = 0;

/// When the memory behind each root is read for the last time, counted from 1. Parts are followed.
class LastReads {
 public:
  explicit LastReads(const Draft& draft) : last_(draft.slots.size(), kNever) {
    for (size_t i = 0; i < draft.steps.size(); ++i) {
      for (const Ref ref : draft.steps[i].step.in) at(draft, ref) = i + 1;
    }
    for (const Ref ref : draft.outputs) at(draft, ref) = draft.steps.size() + 1;
  }
  size_t& at(const Draft& draft, Ref ref) {
    return last_[static_cast<size_t>(draft.root(ref).first.index)];
  }

 private:
  std::vector<size_t> last_;
};

void make_part(Draft& draft, Ref ref, Ref whole, int64_t offset) {
  Slot& slot = draft.slot(ref);
  slot.home = Home::kPart;
  slot.whole = whole;
  slot.offset = offset;
}

/// The copies that fill one value.
struct Filling {
  Ref whole;
  std::vector<size_t> steps;
};

std::vector<Filling> fillings(const Draft& draft) {
  std::map<Ref, Filling> found;
  for (size_t i = 0; i < draft.steps.size(); ++i) {
    if (!draft.steps[i].placed) continue;
    const Ref whole = draft.slot(draft.steps[i].step.out[0]).whole;
    found[whole].whole = whole;
    found[whole].steps.push_back(i);
  }
  std::vector<Filling> list;
  for (auto& [ref, filling] : found) list.push_back(std::move(filling));
  std::sort(list.begin(), list.end(),
            [](const Filling& a, const Filling& b) { return a.steps.back() > b.steps.back(); });
  return list;
}

/// Whether the sources lie side by side in another value already, as the pieces of `filling`
/// should.
bool lies_elsewhere(const Draft& draft, const Filling& filling, Ref& root, int64_t& offset) {
  if (draft.slot(filling.whole).home != Home::kArena) return false;
  for (size_t i = 0; i < filling.steps.size(); ++i) {
    const Step& step = draft.steps[filling.steps[i]].step;
    const Slot& from = draft.slot(step.in[0]);
    const auto [whole, at] = draft.root(step.in[0]);
    const int64_t start = at - draft.slot(step.out[0]).offset;
    if (from.home != Home::kPart || draft.slot(whole).home != Home::kArena || start < 0) {
      return false;
    }
    if (i > 0 && (whole != root || start != offset)) return false;
    root = whole;
    offset = start;
  }
  return root != filling.whole &&
         offset + draft.slot(filling.whole).bytes <= draft.slot(root).bytes;
}

void place_sources(Draft& draft, std::vector<bool>& void_steps) {
  for (const Filling& filling : fillings(draft)) {
    const std::string& nodes = draft.steps[filling.steps[0]].nodes;
    Ref root;
    int64_t offset = 0;
    if (lies_elsewhere(draft, filling, root, offset)) {
      make_part(draft, filling.whole, root, offset);
      for (const size_t i : filling.steps) void_steps[i] = true;
      draft.notes.push_back(fmt::format("{}: a piece of a longer concatenation", nodes));
      continue;
    }
    int64_t moved = 0;
    for (const size_t i : filling.steps) {
      const Step& step = draft.steps[i].step;
      const Ref from = step.in[0];
      if (draft.slot(from).home == Home::kArena && draft.root(filling.whole).first != from) {
        make_part(draft, from, filling.whole, draft.slot(step.out[0]).offset);
        void_steps[i] = true;
      } else {
        moved += draft.slot(from).bytes;
      }
    }
    draft.notes.push_back(moved == 0 ? fmt::format("{}: its inputs are made in place", nodes)
                                     : fmt::format("{}: {} bytes are copied", nodes, moved));
  }
}

/// Whether the step reads the memory of its operand `over` as another operand too. The same value
/// once more does no harm where every element is read before it is written; a step that accumulates
/// may write more than one element before it reads.
bool reads_twice(const Draft& draft, const Step& step) {
  const Ref over = step.in[*step.over];
  const auto [root, begin] = draft.root(over);
  const int64_t end = begin + draft.slot(over).bytes;
  for (size_t i = 0; i < step.in.size(); ++i) {
    const auto [other, first] = draft.root(step.in[i]);
    const int64_t last = first + draft.slot(step.in[i]).bytes;
    if (i == *step.over || other != root || first >= end || begin >= last) continue;
    if (step.accumulates || first != begin || last != end) return true;
  }
  return false;
}

/// Whether out[0] and the operand that it may be written over now share memory.
bool write_over(Draft& draft, const DraftStep& it, size_t time, LastReads& last) {
  const Ref from = it.step.in[*it.step.over], to = it.step.out[0];
  Slot& source = draft.slot(from);
  Slot& target = draft.slot(to);
  if (source.bytes != target.bytes || last.at(draft, from) > time) return false;
  if (reads_twice(draft, it.step)) return false;
  const size_t needed = std::max(last.at(draft, from), last.at(draft, to));
  if (source.home == Home::kArena && draft.root(to).first != from) {
    make_part(draft, from, to, 0);
  } else if (target.home == Home::kArena && source.home == Home::kPart &&
             draft.slot(draft.root(from).first).home == Home::kArena &&
             draft.root(from).first != to) {
    make_part(draft, to, from, 0);
  } else {
    return false;
  }
  last.at(draft, to) = needed;
  return true;
}

}  // namespace

void share_places(Draft& draft) {
  std::vector<bool> void_steps(draft.steps.size(), false);
  place_sources(draft, void_steps);
  LastReads last(draft);
  std::vector<DraftStep> kept;
  for (size_t i = 0; i < draft.steps.size(); ++i) {
    DraftStep& it = draft.steps[i];
    if (void_steps[i]) continue;
    if (it.step.over && !write_over(draft, it, i + 1, last) && it.step.accumulates) {
      Step copy = copy_step(draft.slot(it.step.out[0]).bytes);
      copy.in = {it.step.in[*it.step.over]};
      copy.out = {it.step.out[0]};
      draft.notes.push_back(
          fmt::format("{}: what it adds to is needed otherwise, so it is copied", it.nodes));
      kept.push_back({.step = std::move(copy), .nodes = it.nodes, .moves = true});
    }
    kept.push_back(std::move(it));
  }
  draft.steps = std::move(kept);
}

}  // namespace rung::onednn
