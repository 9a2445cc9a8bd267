#include "rung/exec/onednn/frame.h"

#include <chrono>

#include "rung/base/error.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

namespace rung::onednn {
namespace {

#ifdef __SANITIZE_ADDRESS__
/// While it lives, nothing of the arena may be touched but what a step works on: to
/// AddressSanitizer an arena is one piece of memory, and a kernel that leaves its operands would
/// go unseen.
class Fence {
 public:
  Fence(std::byte* arena, int64_t bytes) : arena_(arena), bytes_(static_cast<size_t>(bytes)) {
    ASAN_POISON_MEMORY_REGION(arena_, bytes_);
  }
  ~Fence() { ASAN_UNPOISON_MEMORY_REGION(arena_, bytes_); }
  Fence(const Fence&) = delete;
  Fence& operator=(const Fence&) = delete;
  void open(const std::byte* from, int64_t bytes) {
    if (from < arena_ || from >= arena_ + bytes_) return;
    ASAN_UNPOISON_MEMORY_REGION(from, static_cast<size_t>(bytes));
  }

 private:
  std::byte* arena_;
  size_t bytes_;
};
#endif

}  // namespace

Frame::Frame(const Plan& plan)
    : plan_(plan), arena_(aligned_memory(plan.memory.bytes)), stream_(engine()) {
  const size_t count = plan.draft.steps.size();
  size_t inputs = 0;
  for (const Slot& slot : plan.draft.slots) {
    if (slot.home == Home::kInput) inputs = std::max(inputs, slot.outside + 1);
  }
  inputs_.resize(inputs);
  outputs_.resize(plan.draft.outputs.size());
  last_inputs_.resize(inputs);
  last_outputs_.resize(outputs_.size());
  steps_.resize(count);
  for (size_t i = 0; i < count; ++i) bind(i);
  // Where the caller's memory stands in the steps: found once, for those operands all ways share.
  for (size_t i = 0; i < count; ++i) {
    const Step& step = plan.draft.steps[i].step;
    const auto outside = [&](Ref ref, bool out, size_t place) {
      const auto [root, offset] = plan.draft.root(ref);
      const Slot& slot = plan.draft.slot(root);
      if (slot.home == Home::kInput) inputs_[slot.outside].push_back({i, place, out, offset});
      if (slot.home == Home::kOutput) outputs_[slot.outside].push_back({i, place, out, offset});
    };
    for (size_t k = 0; k < step.in.size(); ++k) outside(step.in[k], false, k);
    for (size_t k = 0; k < step.out.size(); ++k) outside(step.out[k], true, k);
  }
}

std::byte* Frame::address(Ref ref) const {
  const auto [root, offset] = plan_.draft.root(ref);
  const Slot& slot = plan_.draft.slot(root);
  switch (slot.home) {
    case Home::kConstant:
      return slot.data.data() + offset;
    case Home::kArena:
      return arena_->data() + plan_.memory.offsets[static_cast<size_t>(root.index)] + offset;
    default:
      return nullptr;  // aimed at the caller's memory by each run
  }
}

void Frame::bind(size_t i) {
  const Step& step = plan_.draft.steps[i].step;
  const Way& way = step.ways[plan_.chosen[i]];
  Bound& bound = steps_[i];
  bound = {};
  for (const Ref ref : step.in) bound.pointers.push_back(address(ref));
  for (const Ref ref : way.constants) bound.pointers.push_back(address(ref));
  bound.ins = bound.pointers.size();
  for (const Ref ref : step.out) bound.pointers.push_back(address(ref));
  bound.scratch = arena_->data() + plan_.memory.scratch[i];
  if (way.kernel) {
    bound.kernel = &way.kernel;
    return;
  }
  bound.primitive = way.primitive.get();
  for (const PrimitiveArg& arg : way.args) {
    bound.memories.emplace_back(arg.desc, engine(), bound.pointers[arg.operand]);
    bound.args.push_back({arg.arg, bound.memories.back().get()});
  }
  if (way.scratch > 0) {
    const dnnl::memory::desc bytes({way.scratch}, dnnl::memory::data_type::u8,
                                   dnnl::memory::format_tag::a);
    bound.memories.emplace_back(bytes, engine(), bound.scratch);
    bound.args.push_back({DNNL_ARG_SCRATCHPAD, bound.memories.back().get()});
  }
}

void Frame::rebind(size_t i) {
  bind(i);
  std::fill(last_inputs_.begin(), last_inputs_.end(), nullptr);  // aim again
  std::fill(last_outputs_.begin(), last_outputs_.end(), nullptr);
}

void Frame::aim(std::span<std::byte* const> inputs, std::span<std::byte* const> outputs) {
  const auto aim_all = [&](std::span<std::byte* const> memory, std::vector<std::byte*>& last,
                           const std::vector<std::vector<Outside>>& places) {
    for (size_t k = 0; k < places.size(); ++k) {
      if (memory[k] == last[k]) continue;
      last[k] = memory[k];
      for (const Outside& place : places[k]) {
        Bound& bound = steps_[place.step];
        const size_t operand = place.operand + (place.out ? bound.ins : 0);
        bound.pointers[operand] = memory[k] + place.offset;
        const Way& way = plan_.draft.steps[place.step].step.ways[plan_.chosen[place.step]];
        for (size_t a = 0; a < way.args.size() && bound.primitive != nullptr; ++a) {
          if (way.args[a].operand == operand) {
            bound.memories[a].set_data_handle(bound.pointers[operand]);
          }
        }
      }
    }
  };
  aim_all(inputs, last_inputs_, inputs_);
  aim_all(outputs, last_outputs_, outputs_);
}

void Frame::execute(size_t i) {
  const Bound& bound = steps_[i];
#ifdef __SANITIZE_ADDRESS__
  const Step& step = plan_.draft.steps[i].step;
  Fence fence(arena_->data(), plan_.memory.bytes);
  for (size_t k = 0; k < step.in.size(); ++k) {
    fence.open(bound.pointers[k], plan_.draft.slot(step.in[k]).bytes);
  }
  for (size_t k = 0; k < step.out.size(); ++k) {
    fence.open(bound.pointers[bound.ins + k], plan_.draft.slot(step.out[k]).bytes);
  }
  fence.open(bound.scratch, step.ways[plan_.chosen[i]].scratch);
#endif
  if (bound.kernel != nullptr) {
    const std::span<std::byte* const> all(bound.pointers);
    (*bound.kernel)(
        {.in = all.first(bound.ins), .out = all.subspan(bound.ins), .scratch = bound.scratch});
    return;
  }
  const auto status = dnnl_primitive_execute(
      bound.primitive, stream_.get(), static_cast<int>(bound.args.size()), bound.args.data());
  if (status != dnnl_success) fail_bug("oneDNN refused to run a primitive ({})", int{status});
}

void Frame::run(std::span<std::byte* const> inputs, std::span<std::byte* const> outputs) {
  aim(inputs, outputs);
  for (size_t i = 0; i < steps_.size(); ++i) execute(i);
}

void Frame::run_timed(std::span<std::byte* const> inputs, std::span<std::byte* const> outputs,
                      std::vector<double>& seconds) {
  using Clock = std::chrono::steady_clock;
  aim(inputs, outputs);
  seconds.resize(steps_.size());
  auto last = Clock::now();
  for (size_t i = 0; i < steps_.size(); ++i) {
    execute(i);
    const auto now = Clock::now();
    seconds[i] = std::chrono::duration<double>(now - last).count();
    last = now;
  }
}

}  // namespace rung::onednn
