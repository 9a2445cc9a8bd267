#pragma once

#include <vector>

#include "rung/exec/eager/module.h"

// Eager execution (`run_eagerly`) as the measure of programs.
namespace rung::testing {

/// Fills in the weights that a network lacks. Those that are the same number everywhere (biases,
/// statistics, identity starts) are moved a little, so that none can be left out unseen.
void draw_telling(Model& model, uint64_t seed);

/// Something for every input at the graph's sizes: normal numbers, or whole ones from 0 to 1.
std::vector<Tensor> draw_inputs(const Graph& graph, uint64_t seed);

/// The largest of all outputs: RMS of the difference over that of `want`, or the former alone where
/// the latter is nothing. Infinite where number, types or shapes differ, or `got` is not finite;
/// outputs of `want` that are not finite count as equal.
double relative_rms(const std::vector<Tensor>& got, const std::vector<Tensor>& want);

}  // namespace rung::testing
