#pragma once

#include <nlohmann/json.hpp>
#include <set>

namespace rung::pt2 {

/// The nodes of a graph that make a constant by writing into it: a tensor made with sizes that are
/// numbers, what writes into it or its views, and all that is made of it alone (Swin's masks). A
/// trace does not follow what is written through views, and needs nothing of these but the result.
std::set<const nlohmann::json*> written_constants(const nlohmann::json& graph);

}  // namespace rung::pt2
