#include "rung/exec/onednn/measure.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "rung/base/rng.h"

namespace rung::onednn {
namespace {

/// Inputs of small numbers, and room for the outputs.
struct Surroundings {
  std::vector<std::shared_ptr<Storage>> memory;
  std::vector<std::byte*> inputs, outputs;

  explicit Surroundings(const Draft& draft) {
    Rng rng(1);
    for (const Slot& slot : draft.slots) {
      if (slot.home != Home::kInput && slot.home != Home::kOutput) continue;
      auto& list = slot.home == Home::kInput ? inputs : outputs;
      if (list.size() <= slot.outside) list.resize(slot.outside + 1);
      memory.push_back(aligned_memory(slot.bytes));
      std::byte* data = memory.back()->data();
      std::fill(data, data + slot.bytes, std::byte{0});
      if (slot.form.dtype == DType::kF32) {
        auto* numbers = reinterpret_cast<float*>(data);
        for (int64_t i = 0; i < slot.bytes / 4; ++i) {
          numbers[i] = static_cast<float>(rng.uniform(-1, 1));
        }
      }
      list[slot.outside] = data;
    }
  }
};

/// All steps of one key: which of them, and the best total of each way so far.
struct Question {
  std::vector<size_t> steps;
  std::vector<double> best;
};

std::map<std::string, Question> questions(const Draft& draft) {
  std::map<std::string, Question> all;
  for (size_t i = 0; i < draft.steps.size(); ++i) {
    const Step& step = draft.steps[i].step;
    if (step.ways.size() < 2) continue;
    std::string key = step.key;  // equal steps, and equal ways
    for (const Way& way : step.ways) key += "\n" + way.name;
    Question& question = all[key];
    question.steps.push_back(i);
    question.best.assign(step.ways.size(), 1e30);
  }
  return all;
}

void ask(Plan& plan, std::map<std::string, Question>& all, double budget_s) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration<double>(budget_s);
  Frame frame(plan);
  const Surroundings around(plan.draft);
  size_t most = 0;
  for (const auto& [key, question] : all) most = std::max(most, question.best.size());
  std::vector<double> seconds;
  constexpr int kSweeps = 3, kRuns = 3;
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    for (size_t way = 0; way < most; ++way) {
      for (const auto& [key, question] : all) {
        for (const size_t i : question.steps) {
          plan.chosen[i] = way % question.best.size();
          frame.rebind(i);
        }
      }
      for (int run = 0; run <= kRuns; ++run) {
        frame.run_timed(around.inputs, around.outputs, seconds);
        if (run == 0) continue;  // caches and threads warm up
        for (auto& [key, question] : all) {
          double total = 0;
          for (const size_t i : question.steps) total += seconds[i];
          double& best = question.best[way % question.best.size()];
          best = std::min(best, total);
        }
      }
    }
    if (Clock::now() > end) return;
  }
}

}  // namespace

double measure_ways(Plan& plan, double budget_s, PlanCache& cache,
                    std::vector<std::vector<std::string>>& considered) {
  const auto start = std::chrono::steady_clock::now();
  considered.assign(plan.draft.steps.size(), {});
  auto all = questions(plan.draft);
  if (all.empty()) return 0;
  ask(plan, all, budget_s);
  for (const auto& [unused, question] : all) {
    const std::string key = plan.draft.steps[question.steps[0]].step.key;
    const auto best = std::min_element(question.best.begin(), question.best.end());
    const auto chosen = static_cast<size_t>(best - question.best.begin());
    for (const size_t i : question.steps) {
      Step& step = plan.draft.steps[i].step;
      for (size_t way = 0; way < step.ways.size(); ++way) {
        considered[i].push_back(
            fmt::format("{} {:.3f} ms", step.ways[way].name,
                        question.best[way] * 1e3 / static_cast<double>(question.steps.size())));
      }
      step.ways = {step.ways[chosen]};
      plan.chosen[i] = 0;
    }
    cache.remember(key, plan.draft.steps[question.steps[0]].step.ways[0].name);
  }
  cache.save();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace rung::onednn
