#pragma once

#include <string>
#include <string_view>

namespace rung::svg {

/// Where a text is held by its x.
enum class Anchor { kStart, kMiddle, kEnd };

struct TextStyle {
  double size = 12;  ///< pixels
  std::string_view color = "#1f2933";
  Anchor anchor = Anchor::kStart;
  bool bold = false;
  double rotate = 0;  ///< degrees about (x, y)
};

struct ShapeStyle {
  std::string_view fill = "none";
  std::string_view stroke = "none";
  double width = 1;            ///< of the stroke
  double radius = 0;           ///< of a rectangle's corners
  std::string_view dash = "";  ///< such as "4 3"; empty: solid
};

/// Text made safe inside an SVG element or attribute; control characters and broken UTF-8, which
/// XML forbids, become U+FFFD.
std::string escape(std::string_view text);

/// Cuts to `count` characters in the middle: "encoder/…conv1".
std::string shorten(std::string_view text, size_t count);

/// Width in pixels that a text takes in a common sans-serif font, rather too much than too little.
double text_width(std::string_view text, double size);

/// The colours of series and networks, strong enough for lines on white; repeats after twelve.
std::string_view color(size_t index);
/// A light tint of the same, for areas.
std::string_view tint(size_t index);

/// A picture that grows element by element. Coordinates are pixels, y downwards.
class Writer {
 public:
  void rect(double x, double y, double width, double height, const ShapeStyle& style);
  void line(double x1, double y1, double x2, double y2, const ShapeStyle& style);
  void circle(double x, double y, double radius, const ShapeStyle& style);
  /// `data` is SVG path data.
  void path(std::string_view data, const ShapeStyle& style);
  void text(double x, double y, std::string_view text, const TextStyle& style = {});
  /// What a viewer shows when the pointer rests on the next element added.
  void tooltip(std::string text) { tooltip_ = std::move(text); }
  /// Another picture's elements, moved by (x, y).
  void place(const Writer& other, double x, double y);

  /// The document, on white.
  std::string finish(double width, double height, std::string_view title) const;

 private:
  void close(std::string_view element);
  std::string body_;
  std::string tooltip_;
};

}  // namespace rung::svg
