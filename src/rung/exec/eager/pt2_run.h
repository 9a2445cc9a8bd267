#pragma once

#include <ATen/core/ivalue.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

namespace rung::pt2 {

/// What the names of a program stand for: tensors, lists of them, numbers.
using Values = std::map<std::string, c10::IValue, std::less<>>;

/// The path of the module that a node belongs to, and the types of all around it, outermost first:
/// {"", "Net"}, {"layer1", "Sequential"}, {"layer1.0", "Block"}. Empty where the program does not
/// say.
std::vector<std::pair<std::string, std::string>> modules_of(const nlohmann::json& node);

/// What is done with some nodes of a graph.
struct Special {
  std::set<const nlohmann::json*> untraced;  ///< written_constants
  std::map<const nlohmann::json*, const nlohmann::json*> slice_writes;
};

/// Runs the nodes of a graph through LibTorch's operators, and adds what they give to `values`,
/// which holds the inputs. Layers that training changes run in evaluation. While a tracer listens,
/// it is told the module of every node, and does not see those that are `untraced`; what is written
/// into a slice of a copy becomes a copy with that slice, for it does not follow writes through views.
/// Throws a user error that names the node and the operator: one that this LibTorch does not have,
/// arguments that do not fit it, a name that nothing stands for. Throws an unsupported error for
/// branches and other graphs within graphs. What an operator throws goes through.
void run(const nlohmann::json& graph, Values& values, const Special& special);

}  // namespace rung::pt2
