#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rung {

std::vector<std::string> split(std::string_view text, char separator);
std::string join(std::span<const std::string> parts, std::string_view separator);
std::string_view trim(std::string_view text);

/// Shell-style match of a whole name: `*` any run of characters, `?` any one character,
/// `[abc]` one of these. `layer1.*` matches `layer1.0.conv1`.
bool glob_match(std::string_view pattern, std::string_view name);

/// Up to `count` candidates that read most like `name`, best first; for "did you mean" lists.
std::vector<std::string> nearest(std::string_view name, std::span<const std::string> candidates,
                                 size_t count = 3);

/// 65536 -> "65 536".
std::string with_thousands(int64_t value);

/// 12845056 -> "12.8 M"; three significant digits, units k, M, G, T.
std::string with_unit(double value);

/// 1536 -> "1.5 KiB".
std::string bytes_text(int64_t bytes);

/// Quotes for a name shown in a message: 'name', with control characters escaped.
/// An object, because argument lookup would prefer <iomanip>'s std::quoted to a function.
struct Quoted {
  std::string operator()(std::string_view name) const;
};
inline constexpr Quoted quoted{};

}  // namespace rung
