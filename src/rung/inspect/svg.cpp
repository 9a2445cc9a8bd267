#include "rung/inspect/svg.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>

namespace rung::svg {
namespace {

constexpr std::array<std::string_view, 12> kColors = {"#2563eb", "#dc2626", "#059669", "#d97706",
                                                      "#7c3aed", "#0891b2", "#db2777", "#65a30d",
                                                      "#4f46e5", "#b45309", "#0d9488", "#9333ea"};
constexpr std::array<std::string_view, 12> kTints = {"#eff5ff", "#fef1f1", "#ecfaf4", "#fdf5e7",
                                                     "#f5f0ff", "#e8f8fb", "#fdf0f7", "#f3f9e6",
                                                     "#eeeeff", "#faf1e6", "#e7f8f6", "#f8f0ff"};

// Length of the UTF-8 sequence that starts at `at`, or 0 where it is broken or XML forbids it.
size_t character_length(std::string_view text, size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  if (lead < 0x80) return lead >= 0x20 || lead == '\t' || lead == '\n' ? 1 : 0;
  const size_t length = lead >= 0xF0 && lead < 0xF5 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 0;
  if (length == 0 || lead >= 0xF5 || at + length > text.size()) return 0;
  uint32_t code = lead & (0x7Fu >> length);
  for (size_t i = 1; i < length; ++i) {
    const auto next = static_cast<unsigned char>(text[at + i]);
    if ((next & 0xC0) != 0x80) return 0;
    code = code << 6 | (next & 0x3Fu);
  }
  constexpr std::array<uint32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  return code < kSmallest[length] || surrogate || code > 0x10FFFF || (code & 0xFFFE) == 0xFFFE
             ? 0
             : length;
}

std::string attributes(const ShapeStyle& style) {
  std::string out = fmt::format(R"( fill="{}")", style.fill);
  if (style.stroke != "none") {
    out += fmt::format(R"( stroke="{}" stroke-width="{:g}")", style.stroke, style.width);
  }
  if (!style.dash.empty()) out += fmt::format(R"( stroke-dasharray="{}")", style.dash);
  return out;
}

// Two decimals, so that the same picture is the same bytes whatever the last bits of a sum.
std::string number(double value) {
  std::string out = fmt::format("{:.2f}", value);
  while (out.back() == '0') out.pop_back();
  if (out.back() == '.') out.pop_back();
  return out == "-0" ? "0" : out;
}

}  // namespace

std::string escape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const size_t length = character_length(text, i);
    const auto character = text.substr(i, length);
    if (length == 0) {
      out += "\xEF\xBF\xBD";
    } else if (character == "&") {
      out += "&amp;";
    } else if (character == "<") {
      out += "&lt;";
    } else if (character == ">") {
      out += "&gt;";
    } else if (character == "\"") {
      out += "&quot;";
    } else {
      out += character;
    }
    i += length == 0 ? 1 : length;
  }
  return out;
}

std::string shorten(std::string_view text, size_t count) {
  if (text.size() <= count) return std::string(text);
  const size_t tail = (count - 1) * 2 / 3, head = count - 1 - tail;
  // A cut inside a UTF-8 sequence moves to the sequence's end.
  const auto continues = [&](size_t at) {
    return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80;
  };
  size_t first = head, last = text.size() - tail;
  while (continues(first)) ++first;
  while (continues(last)) ++last;
  return fmt::format("{}…{}", text.substr(0, first), text.substr(last));
}

double text_width(std::string_view text, double size) {
  double width = 0;
  for (const char c : text) {
    if ((static_cast<unsigned char>(c) & 0xC0) == 0x80) continue;
    const bool narrow = std::string_view(" .,:;'|!ijlftIr()[]/").find(c) != std::string_view::npos;
    const bool wide = std::string_view("mwMW@%").find(c) != std::string_view::npos;
    width += narrow ? 0.36 : wide ? 0.92 : c >= 'A' && c <= 'Z' ? 0.72 : 0.59;
  }
  return width * size;
}

std::string_view color(size_t index) { return kColors[index % kColors.size()]; }
std::string_view tint(size_t index) { return kTints[index % kTints.size()]; }

void Writer::close(std::string_view element) {
  if (tooltip_.empty()) {
    body_ += "/>\n";
  } else {
    body_ += fmt::format("><title>{}</title></{}>\n", escape(tooltip_), element);
    tooltip_.clear();
  }
}

void Writer::rect(double x, double y, double width, double height, const ShapeStyle& style) {
  body_ += fmt::format(R"(<rect x="{}" y="{}" width="{}" height="{}")", number(x), number(y),
                       number(width), number(height));
  if (style.radius > 0) body_ += fmt::format(R"( rx="{}")", number(style.radius));
  body_ += attributes(style);
  close("rect");
}

void Writer::line(double x1, double y1, double x2, double y2, const ShapeStyle& style) {
  body_ += fmt::format(R"(<line x1="{}" y1="{}" x2="{}" y2="{}"{})", number(x1), number(y1),
                       number(x2), number(y2), attributes(style));
  close("line");
}

void Writer::circle(double x, double y, double radius, const ShapeStyle& style) {
  body_ += fmt::format(R"(<circle cx="{}" cy="{}" r="{}"{})", number(x), number(y), number(radius),
                       attributes(style));
  close("circle");
}

void Writer::path(std::string_view data, const ShapeStyle& style) {
  body_ += fmt::format(R"(<path d="{}"{} stroke-linejoin="round")", data, attributes(style));
  close("path");
}

void Writer::text(double x, double y, std::string_view text, const TextStyle& style) {
  body_ += fmt::format(R"(<text x="{}" y="{}" font-size="{}" fill="{}")", number(x), number(y),
                       number(style.size), style.color);
  if (style.anchor != Anchor::kStart) {
    body_ += style.anchor == Anchor::kMiddle ? R"( text-anchor="middle")" : R"( text-anchor="end")";
  }
  if (style.bold) body_ += R"( font-weight="bold")";
  if (style.rotate != 0) {
    body_ +=
        fmt::format(" transform=\"rotate({} {} {})\"", number(style.rotate), number(x), number(y));
  }
  body_ += fmt::format(">{}</text>\n", escape(text));
}

void Writer::place(const Writer& other, double x, double y) {
  body_ += fmt::format("<g transform=\"translate({} {})\">\n{}</g>\n", number(x), number(y),
                       other.body_);
}

std::string Writer::finish(double width, double height, std::string_view title) const {
  const std::string w = number(width), h = number(height);
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" "
      "viewBox=\"0 0 {0} {1}\" font-family=\"Helvetica, Arial, 'Liberation Sans', sans-serif\">\n"
      "<title>{2}</title>\n<rect width=\"{0}\" height=\"{1}\" fill=\"#ffffff\"/>\n{3}</svg>\n",
      w, h, escape(title), body_);
}

}  // namespace rung::svg
