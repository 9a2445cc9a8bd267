#include "rung/io/color.h"

#include "rung/base/error.h"
#include "rung/base/text.h"

namespace rung {

Color parse_color(const std::string& text) {
  const auto digit = [&](size_t i) -> int {
    const char c = text[i];
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    fail_user("{} is no colour; the form is \"#rrggbb\", such as \"#00ff00\"", quoted(text));
  };
  if (text.size() != 7 || text[0] != '#') {
    fail_user("{} is no colour; the form is \"#rrggbb\", such as \"#00ff00\"", quoted(text));
  }
  Color color{};
  for (size_t i = 0; i < 3; ++i) {
    color[i] = static_cast<uint8_t>(digit(1 + 2 * i) * 16 + digit(2 + 2 * i));
  }
  return color;
}

std::string to_string(const Color& color) {
  return fmt::format("#{:02x}{:02x}{:02x}", color[0], color[1], color[2]);
}

}  // namespace rung
