#include "rung/join/hold.h"

#include <algorithm>
#include <map>
#include <set>

namespace rung {

Graph hold_axes(Graph graph, const Extents& extents, const std::vector<HeldAxis>& held) {
  std::map<InputAxis, std::set<std::string>> reasons;
  for (const HeldAxis& h : held) {
    for (const InputAxis& axis : extents.inputs_of(h.value, h.axis)) reasons[axis].insert(h.why);
  }
  if (reasons.empty()) return graph;
  Graph out;
  for (const Node& node : graph.nodes()) {
    Op op = node.op;
    if (auto* input = std::get_if<ops::Input>(&op)) {
      for (size_t axis = 0; axis < input->type.rank(); ++axis) {
        const auto found = reasons.find({node.name, axis});
        if (found == reasons.end()) continue;
        const auto place = static_cast<int64_t>(axis);
        if (std::find(input->fixed.begin(), input->fixed.end(), place) == input->fixed.end()) {
          input->fixed.push_back(place);
        }
        for (const auto& why : found->second) {
          if (input->why.find(why) != std::string::npos) continue;
          input->why += (input->why.empty() ? "" : "; ") + why;
        }
      }
      std::sort(input->fixed.begin(), input->fixed.end());
    }
    out.add(node.name, std::move(op), node.inputs, node.skip);
  }
  for (const Output& output : graph.outputs()) out.add_output(output.name, output.value);
  for (const SkipNote& note : graph.skips()) out.add_skip_note(note);
  return out;
}

}  // namespace rung
