#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

namespace rung::pt2 {

/// The nodes of a graph that make a constant by writing into it: a tensor made with sizes that are
/// numbers, what writes into it or its views, and all that is made of it alone (Swin's masks). A
/// trace does not follow what is written through views, and needs nothing of these but the result.
/// `given`: inputs of the graph that are constants.
std::set<const nlohmann::json*> written_constants(const nlohmann::json& graph,
                                                  const std::set<std::string>& given);

/// The nodes that write into a slice of a copy, and that slice, where nothing else reads the copy
/// before it is whole (Swin V2's bias, a third of which is zero).
std::map<const nlohmann::json*, const nlohmann::json*> slice_writes(const nlohmann::json& graph);

}  // namespace rung::pt2
