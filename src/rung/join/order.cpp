#include "rung/join/order.h"

#include <algorithm>
#include <queue>
#include <set>

#include "rung/base/error.h"
#include "rung/base/text.h"

namespace rung {

std::optional<size_t> Sites::site_for(NodeId reader, Value value) const {
  if (const auto found = at_reader.find({reader, value}); found != at_reader.end()) {
    return found->second;
  }
  if (const auto found = at_value.find(value); found != at_value.end()) return found->second;
  return std::nullopt;
}

namespace {

// Every refusal names both ends, so those of a single name are told whose they are.
Tap find_tap(const TapIndex& taps, const std::string& name, const std::string& ends) {
  try {
    return taps.find(name);
  } catch (const Error& error) {
    throw Error(error.kind(), error.what() + ends);
  }
}

void find_wires(const Graph& graph, const TapIndex& taps, const JoinSpec& spec, Sites& out) {
  for (size_t i = 0; i < spec.wires.size(); ++i) {
    const Wire& wire = spec.wires[i];
    const auto id = graph.find(wire.to);
    if (!id || graph.op_as<ops::Input>(*id) == nullptr) {
      std::vector<std::string> names;
      for (const NodeId input : graph.inputs()) names.push_back(quoted(graph.node(input).name));
      fail_user("cannot wire {} -> {}: {} is not an input of a network; the inputs are {}",
                wire.from, wire.to, quoted(wire.to), join(names, ", "));
    }
    const Tap source =
        find_tap(taps, wire.from, fmt::format("\n  wire    {} -> {}", wire.from, wire.to));
    if (!out.wired.emplace(*id, source.value).second) {
      fail_user("cannot wire {} -> {}: {} is fed twice", wire.from, wire.to, quoted(wire.to));
    }
    out.wire_of.emplace(*id, i);
  }
}

}  // namespace

Sites find_sites(const Graph& graph, const JoinSpec& spec) {
  const TapIndex taps(graph);
  Sites out;
  find_wires(graph, taps, spec, out);
  std::map<std::pair<Value, std::vector<NodeId>>, size_t> known;
  for (size_t i = 0; i < spec.skips.size(); ++i) {
    const Skip& skip = spec.skips[i];
    const std::string ends =
        fmt::format("\n  join    {} -> {} by {}", skip.from, skip.to, skip.merge.rule().name);
    out.sources.push_back(find_tap(taps, skip.from, ends).value);
    const Tap target = find_tap(taps, skip.to, ends);
    const auto [entry, is_new] =
        known.try_emplace({target.value, target.readers}, out.sites.size());
    if (is_new) {
      out.sites.push_back({target.value, target.readers, {}});
      if (target.readers.empty()) out.at_value.emplace(target.value, entry->second);
      for (const NodeId reader : target.readers) {
        const auto place = std::make_pair(reader, target.value);
        if (!out.at_reader.emplace(place, entry->second).second) {
          fail_user(
              "skips arrive at {} in two ways: {} reads it, which is part of two of the "
              "layers that are joined at their input; name one of them{}",
              quoted(skip.to), quoted(graph.node(reader).name), ends);
        }
      }
    }
    out.sites[entry->second].skips.push_back(i);
  }
  return out;
}

namespace {

// Tasks are numbered: nodes first, then sites.
class Ordering {
 public:
  Ordering(const Graph& graph, const JoinSpec& spec, const Sites& sites)
      : graph_(graph), spec_(spec), sites_(sites), readers_(size()), waiting_(size(), 0) {
    for (size_t i = 0; i < graph.size(); ++i) add_node(graph.id(i));
    for (size_t i = 0; i < sites.sites.size(); ++i) add_site(i);
  }

  std::vector<Task> run() {
    using Entry = std::pair<size_t, size_t>;  // key, task
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> ready;
    for (size_t task = 0; task < size(); ++task) {
      if (waiting_[task] == 0) ready.emplace(key(task), task);
    }
    std::vector<Task> order;
    order.reserve(size());
    while (!ready.empty()) {
      const size_t task = ready.top().second;
      ready.pop();
      order.push_back({task >= graph_.size(), task >= graph_.size() ? task - graph_.size() : task});
      for (const size_t reader : readers_[task]) {
        if (--waiting_[reader] == 0) ready.emplace(key(reader), reader);
      }
    }
    if (order.size() < size()) fail_loop();
    return order;
  }

 private:
  size_t size() const { return graph_.size() + sites_.sites.size(); }

  void depend(size_t task, size_t on) {
    readers_[on].push_back(task);
    ++waiting_[task];
  }
  // Whoever makes what a reader of `value` sees.
  size_t maker(std::optional<size_t> site, Value value) const {
    return site ? graph_.size() + *site : static_cast<size_t>(value.node.index);
  }
  std::optional<size_t> site_at(Value value) const {
    const auto found = sites_.at_value.find(value);
    return found == sites_.at_value.end() ? std::nullopt : std::optional(found->second);
  }

  void add_node(NodeId id) {
    const auto task = static_cast<size_t>(id.index);
    if (const auto wire = sites_.wired.find(id); wire != sites_.wired.end()) {
      depend(task, maker(site_at(wire->second), wire->second));
    }
    for (const Value value : graph_.node(id).inputs) {
      depend(task, maker(sites_.site_for(id, value), value));
    }
  }

  void add_site(size_t index) {
    const Site& site = sites_.sites[index];
    const size_t task = graph_.size() + index;
    // A site at a layer's input merges on top of what arrives for everybody.
    depend(task, site.readers.empty() ? maker(std::nullopt, site.target)
                                      : maker(site_at(site.target), site.target));
    for (const size_t skip : site.skips) {
      const Value source = sites_.sources[skip];
      // A layer joined to itself reads its own value as it was.
      const bool own = source == site.target && site.readers.empty();
      depend(task, own ? maker(std::nullopt, source) : maker(site_at(source), source));
    }
  }

  // Keeps the graph's order: a site stands right behind the last node that it reads.
  size_t key(size_t task) const {
    if (task < graph_.size()) return 2 * task;
    const Site& site = sites_.sites[task - graph_.size()];
    int32_t last = site.target.node.index;
    for (const size_t skip : site.skips) {
      last = std::max(last, sites_.sources[skip].node.index);
    }
    return 2 * static_cast<size_t>(last) + 1;
  }

  std::string label(size_t task) const {
    if (task < graph_.size()) return graph_.nodes()[task].name;
    const Site& site = sites_.sites[task - graph_.size()];
    const Skip& skip = spec_.skips[site.skips.front()];
    return fmt::format("[skip {} -> {}]", skip.from, skip.to);
  }

  [[noreturn]] void fail_loop() const {
    // Every task left over waits for another one: walking back must meet itself.
    std::vector<std::vector<size_t>> sources(size());
    for (size_t task = 0; task < size(); ++task) {
      if (waiting_[task] == 0) continue;
      for (const size_t reader : readers_[task]) sources[reader].push_back(task);
    }
    size_t at = 0;
    while (waiting_[at] == 0) ++at;
    std::vector<size_t> path;
    std::set<size_t> seen;
    while (seen.insert(at).second) {
      path.push_back(at);
      at = sources[at].front();
    }
    path.erase(path.begin(), std::find(path.begin(), path.end(), at));
    std::reverse(path.begin(), path.end());
    const auto site =
        std::find_if(path.begin(), path.end(), [&](size_t task) { return task >= graph_.size(); });
    // The message starts and ends at the skip; long stretches of layers are cut in the middle.
    if (site != path.end()) std::rotate(path.begin(), site, path.end());
    path.push_back(path.front());
    std::vector<std::string> steps;
    for (size_t i = 0; i < path.size(); ++i) {
      const bool cut = path.size() > 14 && i >= 7 && i + 7 < path.size() && path[i] < graph_.size();
      if (!cut) {
        steps.push_back(label(path[i]));
      } else if (steps.back() != "…") {
        steps.emplace_back("…");
      }
    }
    std::string what = "cannot wire the networks like this: the wires close a loop";
    if (path.front() >= graph_.size()) {
      const Skip& skip = spec_.skips[sites_.sites[path.front() - graph_.size()].skips.front()];
      what = fmt::format("cannot join {} -> {} by {}: it closes a loop", skip.from, skip.to,
                         skip.merge.rule().name);
    }
    fail_user(
        "{}\n"
        "  loop    {}\n"
        "  rule    a source may not depend on what its skip changes\n"
        "  fix     join from an earlier layer to a later one",
        what, join(steps, " -> "));
  }

  const Graph& graph_;
  const JoinSpec& spec_;
  const Sites& sites_;
  std::vector<std::vector<size_t>> readers_;
  std::vector<size_t> waiting_;
};

}  // namespace

std::vector<Task> order_tasks(const Graph& graph, const JoinSpec& spec, const Sites& sites) {
  return Ordering(graph, spec, sites).run();
}

}  // namespace rung
