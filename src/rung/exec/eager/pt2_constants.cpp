#include "rung/exec/eager/pt2_constants.h"

#include <algorithm>
#include <map>
#include <string>

#include "rung/base/text.h"
#include "rung/exec/eager/pt2_json.h"

namespace rung::pt2 {
namespace {

using nlohmann::json;
using Nodes = std::set<const json*>;

/// What a node reads, as far as it matters here.
struct Reads {
  std::vector<std::string> tensors;
  bool sizes = false;  ///< numbers that follow the inputs' sizes
};

void collect(const json& value, Reads& out, int depth = 0) {
  constexpr int kDeepest = 8;  // lists of tagged values
  if (depth > kDeepest) return;
  if (value.is_array()) {
    for (const auto& element : value) collect(element, out, depth + 1);
  } else if (is_set(value, "as_name")) {
    out.sizes = true;
  } else if (is_set(value, "name") && value.at("name").is_string()) {
    out.tensors.push_back(value.at("name"));
  } else if (value.is_object()) {
    for (const auto& [tag, inner] : value.items()) collect(inner, out, depth + 1);
  }
}

std::string operator_of(const json& node) {
  const auto parts = split(text(node, "target", "a node"), '.');
  return parts.size() == 5 ? parts[3] : "";
}

bool makes_tensor(const std::string& name) {
  for (const char* known :
       {"new_zeros", "new_ones", "new_full", "new_empty", "zeros", "ones", "full", "empty"}) {
    if (name == known) return true;
  }
  return false;
}

class Search {
 public:
  Search(const json& graph, const std::set<std::string>& given)
      : given_(given), nodes_(field(graph, "nodes", "the program")) {
    for (const auto& node : nodes_) {
      Reads reads, made;
      if (is_set(node, "inputs")) {
        for (const auto& input : node.at("inputs")) {
          if (is_set(input, "arg")) collect(input.at("arg"), reads);
        }
      }
      if (is_set(node, "outputs")) collect(node.at("outputs"), made);
      for (const auto& name : made.tensors) makers_[name] = &node;
      reads_[&node] = std::move(reads);
    }
  }

  std::map<const json*, const json*> slices() const {
    std::map<const json*, const json*> out;
    for (const auto& node : nodes_) {
      if (!writes(node) || reads_.at(&node).tensors.empty()) continue;
      const std::string& view = reads_.at(&node).tensors.front();
      const auto slice = makers_.find(view);
      if (slice == makers_.end() || operator_of(*slice->second) != "slice") continue;
      if (reads_.at(slice->second).tensors.empty()) continue;
      const std::string& whole = reads_.at(slice->second).tensors.front();
      const auto copy = makers_.find(whole);
      if (copy == makers_.end() || operator_of(*copy->second) != "clone") continue;
      if (readers(view) == Nodes{&node} && readers(whole, &node) == Nodes{slice->second}) {
        out[&node] = slice->second;
      }
    }
    return out;
  }

  Nodes run() {
    for (const auto& node : nodes_) {
      if (!writes(node)) continue;
      if (const json* made = origin(node)) writers_[&node] = made;
    }
    for (const auto& [writer, made] : writers_) made_.insert(made);
    if (made_.empty()) return {};
    while (true) {  // one into which something else is written is no constant
      const Nodes constants = follow();
      const auto other = std::find_if(writers_.begin(), writers_.end(), [&](const auto& writer) {
        return made_.contains(writer.second) && !constants.contains(writer.first);
      });
      if (other == writers_.end()) return constants;
      made_.erase(other->second);
    }
  }

 private:
  /// The node that made the tensor of which a node's first argument is a view.
  const json* origin(const json& node) const {
    const json* at = &node;
    for (size_t steps = 0; steps <= nodes_.size(); ++steps) {
      const Reads& reads = reads_.at(at);
      if (makes_tensor(operator_of(*at))) return reads.sizes ? nullptr : at;
      if (reads.tensors.empty()) return nullptr;
      const auto maker = makers_.find(reads.tensors.front());
      if (maker == makers_.end()) return nullptr;
      at = maker->second;
    }
    return nullptr;
  }

  static bool writes(const json& node) {
    const std::string name = operator_of(node);
    return name.ends_with('_') && !name.ends_with("__");
  }

  /// The nodes that read nothing but constants and what those in `made_` made.
  Nodes follow() const {
    Nodes out;
    const auto is_constant = [&](const std::string& name) {
      const auto maker = makers_.find(name);
      return maker == makers_.end() ? given_.contains(name) : out.contains(maker->second);
    };
    for (const auto& node : nodes_) {
      const Reads& reads = reads_.at(&node);
      bool constant = !reads.tensors.empty() && !reads.sizes &&
                      std::all_of(reads.tensors.begin(), reads.tensors.end(), is_constant);
      if (writes(node)) constant = constant && writers_.contains(&node);
      if (constant || made_.contains(&node)) out.insert(&node);
    }
    return out;
  }

  /// The nodes that read a tensor, those before `end` where it is given.
  Nodes readers(const std::string& name, const json* end = nullptr) const {
    Nodes out;
    for (const auto& node : nodes_) {
      if (&node == end) break;
      const auto& read = reads_.at(&node).tensors;
      if (std::find(read.begin(), read.end(), name) != read.end()) out.insert(&node);
    }
    return out;
  }

  const std::set<std::string>& given_;
  const json& nodes_;
  std::map<std::string, const json*> makers_;
  std::map<const json*, Reads> reads_;
  std::map<const json*, const json*> writers_;  ///< in place: the maker of what they write into
  Nodes made_;
};

}  // namespace

Nodes written_constants(const json& graph, const std::set<std::string>& given) {
  return Search(graph, given).run();
}

std::map<const json*, const json*> slice_writes(const json& graph) {
  return Search(graph, {}).slices();
}

}  // namespace rung::pt2
