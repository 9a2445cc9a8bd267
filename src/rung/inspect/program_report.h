#pragma once

#include <string>

#include "rung/exec/onednn/program.h"

namespace rung {

/// One paragraph: steps, cost, memory against its lower bound, how long compiling took.
std::string summary_text(const CompileReport& report);
/// The steps in their order as a table, the other ways that were considered, and the notes: what
/// was folded, fused and placed, and why.
std::string steps_text(const CompileReport& report);
std::string to_json(const CompileReport& report);

/// Where the time of a run goes: the slowest `count` steps, each as a share of their sum, with its
/// rate and (where `peak_gflops` is more than 0) that as a share of what the machine can do; then
/// the sum of the steps against a whole run.
std::string times_text(const CompileReport& report, const Program::Times& times, double peak_gflops,
                       size_t count = 20);

}  // namespace rung
