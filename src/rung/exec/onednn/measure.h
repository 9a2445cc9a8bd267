#pragma once

#include "rung/exec/onednn/frame.h"
#include "rung/exec/onednn/plan_cache.h"

namespace rung::onednn {

/// Chooses the fastest way of every step that has several, by running the whole program with each
/// and a clock between the steps: real neighbours, cold weights. Steps of one key choose alike.
/// Answers go to the cache, the other ways are dropped, and the times are kept as text per step.
/// Gives the seconds that it took, about `budget_s` at most.
double measure_ways(Plan& plan, double budget_s, PlanCache& cache,
                    std::vector<std::vector<std::string>>& considered);

}  // namespace rung::onednn
