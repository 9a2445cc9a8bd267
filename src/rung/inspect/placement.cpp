#include "rung/inspect/placement.h"

#include <fmt/format.h>
#include <graphviz/cgraph.h>
#include <graphviz/gvc.h>
#include <locale.h>

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "rung/base/error.h"

namespace rung {
namespace {

constexpr double kPointsPerInch = 72;
constexpr double kMargin = 16;
constexpr double kAside = 9;       // between arrows that share a way
constexpr double kLaneTitle = 26;  // room above a lane's boxes

int keep_quiet(char*) { return 0; }

// graphviz reads numbers by the thread's locale, and keeps global state: one call at a time.
class GraphvizGuard {
 public:
  GraphvizGuard()
      : lock_(mutex()), plain_(newlocale(LC_ALL_MASK, "C", nullptr)), before_(uselocale(plain_)) {
    agseterrf(keep_quiet);
  }
  ~GraphvizGuard() {
    uselocale(before_);
    freelocale(plain_);
  }
  GraphvizGuard(const GraphvizGuard&) = delete;
  GraphvizGuard& operator=(const GraphvizGuard&) = delete;

 private:
  static std::mutex& mutex() {
    static std::mutex instance;
    return instance;
  }
  std::lock_guard<std::mutex> lock_;
  locale_t plain_;
  locale_t before_;
};

struct CloseGraph {
  void operator()(Agraph_t* graph) const { agclose(graph); }
};
struct CloseContext {
  void operator()(GVC_t* context) const { gvFreeContext(context); }
};

void set(void* object, const char* key, const std::string& value) {
  agsafeset(object, const_cast<char*>(key), const_cast<char*>(value.c_str()),
            const_cast<char*>(""));
}

// Which lanes run upwards: those that a downward lane feeds first.
std::vector<bool> upward_lanes(const Outline& outline) {
  std::vector<int> feeder(outline.lanes.size(), -1);
  for (const auto& arrow : outline.arrows) {
    const int from = outline.boxes[arrow.from].lane, to = outline.boxes[arrow.to].lane;
    if (arrow.kind != Arrow::Kind::kWire || from < 0 || to <= from) continue;
    if (feeder[static_cast<size_t>(to)] < 0) feeder[static_cast<size_t>(to)] = from;
  }
  std::vector<bool> up(outline.lanes.size(), false);
  for (size_t lane = 0; lane < up.size(); ++lane) {
    if (feeder[lane] >= 0) up[lane] = !up[static_cast<size_t>(feeder[lane])];
  }
  return up;
}

// The level of every box when skips pull at nothing: the longest chain of other arrows above it.
// `down` says of each arrow whether it runs downwards.
std::vector<int> levels(const Outline& outline, const std::vector<bool>& down) {
  std::vector<int> level(outline.boxes.size(), 0);
  // Enough sweeps for any chain; arrows that run against each other would sweep for ever.
  for (size_t sweep = 0; sweep < outline.boxes.size(); ++sweep) {
    bool moved = false;
    for (size_t i = 0; i < outline.arrows.size(); ++i) {
      const Arrow& arrow = outline.arrows[i];
      if (arrow.kind == Arrow::Kind::kSkip) continue;
      const size_t above = down[i] ? arrow.from : arrow.to;
      const size_t below = down[i] ? arrow.to : arrow.from;
      if (level[below] < level[above] + 1) {
        level[below] = level[above] + 1;
        moved = true;
      }
    }
    if (!moved) break;
  }
  return level;
}

// Of each arrow, whether it runs downwards in the picture. One order of all boxes decides, so that
// arrows never run in a circle, which dot is not safe with.
std::vector<bool> directions(const Outline& outline) {
  const auto up = upward_lanes(outline);
  const auto lane_up = [&](size_t box) {
    const int lane = outline.boxes[box].lane;
    return lane >= 0 && up[static_cast<size_t>(lane)];
  };
  std::vector<bool> down;
  for (const auto& arrow : outline.arrows) {
    down.push_back(arrow.kind != Arrow::Kind::kFlow || !(lane_up(arrow.from) && lane_up(arrow.to)));
  }
  const auto level = levels(outline, down);
  for (size_t i = 0; i < outline.arrows.size(); ++i) {
    const auto [from, to, kind, skip, count] = outline.arrows[i];
    down[i] = std::pair(level[from], from) < std::pair(level[to], to);
  }
  return down;
}

// The outline as a graphviz graph, and the way back.
struct Drawing {
  std::unique_ptr<Agraph_t, CloseGraph> graph;
  std::vector<Agraph_t*> lanes;
  std::vector<Agnode_t*> nodes;
  std::vector<Agedge_t*> edges;  // one per arrow; arrows between the same two boxes share it
  std::vector<int> place;        // of an arrow among those that share its edge
  std::vector<bool> down;
};

// Arrows between the same two boxes become one edge: dot fails on some graphs with several.
void add_edges(const Outline& outline, Drawing& drawing) {
  std::map<std::pair<size_t, size_t>, std::vector<size_t>> pairs;
  for (size_t i = 0; i < outline.arrows.size(); ++i) {
    const Arrow& arrow = outline.arrows[i];
    pairs[std::minmax(arrow.from, arrow.to)].push_back(i);
  }
  drawing.edges.resize(outline.arrows.size());
  drawing.place.resize(outline.arrows.size());
  for (const auto& [boxes, arrows] : pairs) {
    const Arrow& first = outline.arrows[arrows.front()];
    const bool down = drawing.down[arrows.front()];
    Agedge_t* edge =
        agedge(drawing.graph.get(), drawing.nodes[down ? first.from : first.to],
               drawing.nodes[down ? first.to : first.from], const_cast<char*>("arrow"), 1);
    int weight = 1;
    bool only_skips = true;
    for (size_t i = 0; i < arrows.size(); ++i) {
      drawing.edges[arrows[i]] = edge;
      drawing.place[arrows[i]] = static_cast<int>(i);
      const auto kind = outline.arrows[arrows[i]].kind;
      weight = std::max(weight, kind == Arrow::Kind::kFlow   ? 8
                                : kind == Arrow::Kind::kWire ? 2
                                                             : 1);
      only_skips = only_skips && kind == Arrow::Kind::kSkip;
    }
    set(edge, "weight", std::to_string(weight));
    set(edge, "minlen", only_skips ? "0" : "1");
    set(edge, "arrowhead", "none");
  }
}

Drawing build(const Outline& outline, std::span<const Area> sizes) {
  Drawing drawing{.graph = std::unique_ptr<Agraph_t, CloseGraph>(
                      agopen(const_cast<char*>("rung"), Agdirected, nullptr)),
                  .lanes = {},
                  .nodes = {},
                  .edges = {},
                  .place = {},
                  .down = directions(outline)};
  Agraph_t* root = drawing.graph.get();
  set(root, "nodesep", "0.35");
  set(root, "ranksep", "0.32");
  for (size_t i = 0; i < outline.lanes.size(); ++i) {
    Agraph_t* lane = agsubg(root, const_cast<char*>(fmt::format("cluster{}", i).c_str()), 1);
    set(lane, "margin", "14");
    drawing.lanes.push_back(lane);
  }
  for (size_t i = 0; i < outline.boxes.size(); ++i) {
    Agnode_t* node = agnode(root, const_cast<char*>(fmt::format("n{}", i).c_str()), 1);
    set(node, "shape", "box");
    set(node, "fixedsize", "true");
    set(node, "label", "");
    set(node, "width", fmt::format("{:.4f}", sizes[i].width / kPointsPerInch));
    set(node, "height", fmt::format("{:.4f}", sizes[i].height / kPointsPerInch));
    const int lane = outline.boxes[i].lane;
    if (lane >= 0) agsubnode(drawing.lanes[static_cast<size_t>(lane)], node, 1);
    drawing.nodes.push_back(node);
  }
  add_edges(outline, drawing);
  return drawing;
}

std::vector<Point> curve(Agedge_t* edge, bool down, double top, double aside) {
  std::vector<Point> points;
  const splines* routes = ED_spl(edge);
  if (routes == nullptr || routes->size == 0) return points;
  const bezier& route = routes->list[0];
  for (int i = 0; i < route.size; ++i) {
    points.push_back({route.list[i].x + kMargin + aside, top - route.list[i].y});
  }
  if (!down) std::reverse(points.begin(), points.end());
  return points;
}

}  // namespace

Placement place(const Outline& outline, std::span<const Area> sizes) {
  Placement out;
  out.boxes.assign(sizes.begin(), sizes.end());
  out.lanes.resize(outline.lanes.size());
  out.arrows.resize(outline.arrows.size());
  if (outline.boxes.empty()) {
    out.width = out.height = 2 * kMargin;
    return out;
  }

  const GraphvizGuard guard;
  const std::unique_ptr<GVC_t, CloseContext> context(gvContext());
  const Drawing drawing = build(outline, sizes);
  Agraph_t* root = drawing.graph.get();
  if (gvLayout(context.get(), root, "dot") != 0) fail_bug("graphviz could not lay the picture out");

  const boxf bounds = GD_bb(root);
  const double top = bounds.UR.y + kMargin + kLaneTitle;
  out.width = bounds.UR.x + 2 * kMargin;
  out.height = top - bounds.LL.y + kMargin;
  for (size_t i = 0; i < out.boxes.size(); ++i) {
    const pointf center = ND_coord(drawing.nodes[i]);
    out.boxes[i].x = center.x + kMargin - sizes[i].width / 2;
    out.boxes[i].y = top - center.y - sizes[i].height / 2;
  }
  for (size_t i = 0; i < drawing.lanes.size(); ++i) {
    const boxf lane = GD_bb(drawing.lanes[i]);
    if (agnnodes(drawing.lanes[i]) == 0) continue;
    out.lanes[i] = {lane.LL.x + kMargin, top - lane.UR.y - kLaneTitle, lane.UR.x - lane.LL.x,
                    lane.UR.y - lane.LL.y + kLaneTitle};
  }
  for (size_t i = 0; i < drawing.edges.size(); ++i) {
    out.arrows[i] = curve(drawing.edges[i], drawing.down[i], top, kAside * drawing.place[i]);
  }
  gvFreeLayout(context.get(), root);
  return out;
}

}  // namespace rung
