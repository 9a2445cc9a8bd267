#pragma once

#include <ATen/ATen.h>

#include "rung/exec/eager/pt2_run.h"

namespace rung::pt2 {

/// Names of the results, from the form that the exported function gave them: the keys of
/// dictionaries, places in tuples and lists ("output0"). Empty where the file does not say.
std::vector<std::string> output_names(const nlohmann::json& graph_module, size_t results);

/// The tensors among the results. Throws an unsupported error for other ones.
std::vector<at::Tensor> results(const std::vector<nlohmann::json>& results, const Values& values);

/// The value of an input that was a number, a text or None when the network was exported.
c10::IValue value_of_constant(const nlohmann::json& value, const std::string& what);

}  // namespace rung::pt2
