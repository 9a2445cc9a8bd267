#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace rung {

/// Red, green, blue.
using Color = std::array<uint8_t, 3>;

/// "#rrggbb". Throws a user error that shows the form.
Color parse_color(const std::string& text);
std::string to_string(const Color& color);

}  // namespace rung
