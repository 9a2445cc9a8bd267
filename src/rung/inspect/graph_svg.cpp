#include "rung/inspect/graph_svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "rung/inspect/placement.h"
#include "rung/inspect/svg.h"

namespace rung {
namespace {

constexpr double kNameSize = 13, kSmallSize = 11;
constexpr double kPadding = 10, kTitleRow = 36, kLegendRow = 20;
constexpr size_t kLongestName = 44, kLongestDetail = 52;
constexpr std::string_view kInk = "#1f2933", kMuted = "#52606d", kFlow = "#64748b";

// The colours of networks come from the front of the palette, those of skips skip them.
size_t skip_color(const Outline& outline, int skip) {
  return static_cast<size_t>(skip) + std::min<size_t>(outline.lanes.size(), 3);
}

struct Lines {
  std::string name, detail, shape;
};

Lines lines_of(const Box& box) {
  return {svg::shorten(box.name, kLongestName), svg::shorten(box.detail, kLongestDetail),
          svg::shorten(box.shape, kLongestDetail)};
}

bool is_pill(const Box& box) {
  return box.kind == Box::Kind::kInput || box.kind == Box::Kind::kOutput ||
         box.kind == Box::Kind::kSkip;
}

Area size_of(const Box& box) {
  const Lines lines = lines_of(box);
  double width = svg::text_width(lines.name, kNameSize) * 1.06;
  double height = 2 * kPadding + 9;
  for (const auto& text : {lines.detail, lines.shape}) {
    if (text.empty()) continue;
    width = std::max(width, svg::text_width(text, kSmallSize));
    height += 15;
  }
  if (is_pill(box)) width += height / 2;
  return {.width = std::max(width + 2 * kPadding, 90.0), .height = height};
}

class Painter {
 public:
  Painter(const Graph& graph, const GraphSvgOptions& options)
      : graph_(graph), options_(options), outline_(rung::outline(graph, options.outline)) {
    std::vector<Area> sizes;
    for (const auto& box : outline_.boxes) sizes.push_back(size_of(box));
    placement_ = place(outline_, sizes);
  }

  std::string paint() {
    svg::Writer body;
    body_ = &body;
    for (size_t i = 0; i < outline_.lanes.size(); ++i) lane(i);
    for (size_t i = 0; i < outline_.arrows.size(); ++i) arrow(i);
    for (size_t i = 0; i < outline_.boxes.size(); ++i) box(i);

    svg::Writer page;
    const double top = options_.title.empty() ? 0 : kTitleRow;
    if (top > 0) page.text(16, 26, options_.title, {.size = 16, .bold = true});
    page.place(body, 0, top);
    const double legend_width = legend(page, top + placement_.height);
    const double rows = static_cast<double>(legend_rows());
    return page.finish(
        std::max({placement_.width, legend_width, svg::text_width(options_.title, 16) + 32}),
        top + placement_.height + (rows > 0 ? rows * kLegendRow + 14 : 0),
        options_.title.empty() ? "graph" : options_.title);
  }

 private:
  void lane(size_t index) {
    const Area& area = placement_.lanes[index];
    if (area.width <= 0) return;
    body_->rect(area.x, area.y, area.width, area.height,
                {.fill = svg::tint(index), .stroke = svg::color(index), .width = 1, .radius = 10});
    body_->text(area.x + 12, area.y + 20, outline_.lanes[index],
                {.size = 14, .color = svg::color(index), .bold = true});
  }

  void arrow(size_t index) {
    const Arrow& arrow = outline_.arrows[index];
    const auto& points = placement_.arrows[index];
    if (points.size() < 4) return;
    const bool skip = arrow.kind == Arrow::Kind::kSkip;
    const std::string_view color = skip ? svg::color(skip_color(outline_, arrow.skip)) : kFlow;
    const double width = skip ? 2.4 : arrow.kind == Arrow::Kind::kWire ? 3 : 1.4;

    std::string path = fmt::format("M{:.2f} {:.2f}", points[0].x, points[0].y);
    for (size_t i = 1; i + 2 < points.size(); i += 3) {
      path += fmt::format("C{:.2f} {:.2f} {:.2f} {:.2f} {:.2f} {:.2f}", points[i].x, points[i].y,
                          points[i + 1].x, points[i + 1].y, points[i + 2].x, points[i + 2].y);
    }
    body_->tooltip(tooltip(arrow));
    body_->path(path, {.stroke = color, .width = width});
    head(points, color, 6 + width);
    if (arrow.count > 1) {
      const Point middle = points[points.size() / 2];
      body_->text(middle.x + 5, middle.y, fmt::format("×{}", arrow.count),
                  {.size = kSmallSize, .color = color, .bold = true});
    }
  }

  // A triangle at the end of a curve, along its last direction.
  void head(const std::vector<Point>& points, std::string_view color, double length) {
    const Point tip = points.back();
    Point before = tip;
    for (auto p = points.rbegin(); p != points.rend(); ++p) {
      before = *p;
      if (std::hypot(tip.x - before.x, tip.y - before.y) > 1) break;
    }
    const double distance = std::max(std::hypot(tip.x - before.x, tip.y - before.y), 1e-6);
    const double dx = (tip.x - before.x) / distance, dy = (tip.y - before.y) / distance;
    const double half = length * 0.45;
    body_->path(fmt::format("M{:.2f} {:.2f}L{:.2f} {:.2f}L{:.2f} {:.2f}Z", tip.x, tip.y,
                            tip.x - dx * length - dy * half, tip.y - dy * length + dx * half,
                            tip.x - dx * length + dy * half, tip.y - dy * length - dx * half),
                {.fill = color});
  }

  std::string tooltip(const Arrow& arrow) const {
    if (arrow.kind == Arrow::Kind::kSkip) return legend_text(static_cast<size_t>(arrow.skip));
    return outline_.boxes[arrow.from].name + " → " + outline_.boxes[arrow.to].name;
  }

  void box(size_t index) {
    const Box& box = outline_.boxes[index];
    const Area& area = placement_.boxes[index];
    svg::ShapeStyle style{.fill = "#ffffff", .stroke = kMuted, .width = 1.2, .radius = 5};
    if (box.lane >= 0) style.stroke = svg::color(static_cast<size_t>(box.lane));
    if (box.kind == Box::Kind::kSkip) {
      const size_t color = skip_color(outline_, box.skip);
      style = {.fill = svg::tint(color), .stroke = svg::color(color), .width = 2};
    }
    if (box.kind == Box::Kind::kInput || box.kind == Box::Kind::kOutput) style.fill = "#f1f5f9";
    if (is_pill(box)) style.radius = area.height / 2;
    if (box.kind == Box::Kind::kRange) style.dash = "5 3";
    body_->tooltip(box.name);
    body_->rect(area.x, area.y, area.width, area.height, style);

    const Lines lines = lines_of(box);
    const double center = area.x + area.width / 2;
    double y = area.y + kPadding + 9;
    body_->text(center, y, lines.name,
                {.size = kNameSize, .color = kInk, .anchor = svg::Anchor::kMiddle, .bold = true});
    for (const auto& text : {lines.detail, lines.shape}) {
      if (text.empty()) continue;
      y += 15;
      body_->text(center, y, text,
                  {.size = kSmallSize, .color = kMuted, .anchor = svg::Anchor::kMiddle});
    }
  }

  size_t legend_rows() const {
    const size_t skips = graph_.skips().size();
    return skips > options_.max_legend_rows ? options_.max_legend_rows + 1 : skips;
  }

  std::string legend_text(size_t skip) const {
    const SkipNote& note = graph_.skips()[skip];
    return fmt::format("{}: {} → {}, {}", note.name, note.from, note.to, note.merge);
  }

  // Returns the width that the rows take.
  double legend(svg::Writer& page, double y) const {
    double width = 0;
    const size_t skips = graph_.skips().size();
    for (size_t row = 0; row < legend_rows(); ++row) {
      const double middle = y + 8 + kLegendRow * static_cast<double>(row);
      if (row == options_.max_legend_rows) {
        page.text(16, middle + 4, fmt::format("and {} more skips", skips - row),
                  {.size = 12, .color = kMuted});
        break;
      }
      page.line(16, middle, 44, middle,
                {.stroke = svg::color(skip_color(outline_, static_cast<int>(row))), .width = 3});
      page.text(52, middle + 4, legend_text(row), {.size = 12});
      width = std::max(width, 52 + svg::text_width(legend_text(row), 12) + 16);
    }
    return width;
  }

  const Graph& graph_;
  const GraphSvgOptions& options_;
  Outline outline_;
  Placement placement_;
  svg::Writer* body_ = nullptr;
};

}  // namespace

std::string graph_svg(const Graph& graph, const GraphSvgOptions& options) {
  return Painter(graph, options).paint();
}

}  // namespace rung
