#include "rung/train/mask_classes.h"

#include <algorithm>
#include <map>
#include <set>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/exec/eager/convert.h"
#include "rung/io/image.h"

namespace rung {
namespace {

constexpr int64_t kHalf = 128;
constexpr int64_t kFull = 255;
constexpr size_t kShown = 8;  ///< values listed in messages

/// One number a pixel: a grey or palette number, or a colour as 0xrrggbb.
int64_t key_of(const Mark& mark) {
  if (const auto* number = std::get_if<int64_t>(&mark)) return *number;
  const Color& color = std::get<Color>(mark);
  return color[0] << 16 | color[1] << 8 | color[2];
}

Mark mark_of(int64_t key, bool colors) {
  if (!colors) return key;
  return Color{static_cast<uint8_t>(key >> 16), static_cast<uint8_t>(key >> 8),
               static_cast<uint8_t>(key)};
}

/// i32 [H, W]
at::Tensor colors_of(const std::filesystem::path& file) {
  const at::Tensor rgb = to_torch(load_image(file, {.channels = 3})).to(at::kInt);
  return rgb[0] * 65536 + rgb[1] * 256 + rgb[2];
}

/// i32 [H, W], or nothing where the file holds colours.
std::optional<at::Tensor> numbers_of(const std::filesystem::path& file) {
  const at::Tensor numbers = to_torch(load_image(file, {.exact = true}));
  if (numbers.size(0) == 1) return numbers[0];
  const bool grey =
      numbers[0].eq(numbers[1]).all().item<bool>() && numbers[0].eq(numbers[2]).all().item<bool>();
  if (!grey) return std::nullopt;
  return numbers[0];
}

std::vector<int64_t> values_of(const at::Tensor& pixels) {
  const at::Tensor unique = std::get<0>(at::_unique(pixels.flatten().to(at::kLong), true));
  return {unique.data_ptr<int64_t>(), unique.data_ptr<int64_t>() + unique.numel()};
}

std::string list_of(const std::vector<int64_t>& values, bool colors) {
  std::vector<std::string> out;
  for (size_t i = 0; i < std::min(values.size(), kShown); ++i) {
    out.push_back(to_string(mark_of(values[i], colors)));
  }
  if (values.size() > kShown) out.push_back(fmt::format("… ({} in all)", values.size()));
  return join(out, ", ");
}

std::string marks_of(const MaskMeaning& meaning) {
  std::vector<std::string> out;
  for (const auto& c : meaning.classes) out.push_back(c.name + " " + to_string(*c.mark));
  if (meaning.ignore) out.push_back("ignore " + to_string(*meaning.ignore));
  return join(out, ", ");
}

[[noreturn]] void fail_colors(const std::filesystem::path& file) {
  fail_user(
      "the mask {} holds colours: {}\n"
      "  rule    without data.classes a mask holds a foreground: 255 (or 1) where it is, 0 "
      "elsewhere\n"
      "  fix     data.classes = {{ NAME = \"#rrggbb\", … }}, with every colour of the masks",
      file.string(), list_of(values_of(colors_of(file)), true));
}

[[noreturn]] void fail_shades(const std::filesystem::path& file, const std::vector<int64_t>& seen) {
  fail_user(
      "the mask {} holds the values {}\n"
      "  rule    without data.classes a mask holds a foreground: 255 (or 1) where it is, 0 "
      "elsewhere\n"
      "  fix     data.classes = {{ NAME = NUMBER, … }} where the values are classes, "
      "data.instances = "
      "true where they are objects, data.threshold = 128 where they are shades of a foreground",
      file.string(), list_of(seen, false));
}

/// 0, 1, 2: background, inside of an object, and its border.
at::Tensor inside_and_border(const at::Tensor& numbers, int64_t width) {
  const at::Tensor x = numbers.to(at::kFloat).unsqueeze(0);  // exact up to 2^24
  const auto largest = [&](const at::Tensor& of) {
    return at::max_pool2d(of, 2 * width + 1, 1, width);
  };
  const at::Tensor rim = largest(x).ne(x).logical_or_(largest(-x).ne(-x));
  return x.gt(0).to(at::kByte).add_(rim.logical_and_(x.gt(0)).to(at::kByte))[0];
}

[[noreturn]] void fail_lossy(const std::filesystem::path& file, const char* what) {
  fail_user(
      "the mask {} is a JPEG file, which changes pixels, so its {} cannot be told apart\n"
      "  fix     masks as PNG files",
      file.string(), what);
}

/// Where the pixels are not counted.
at::Tensor ignored_in(const std::filesystem::path& file, const at::Tensor& numbers,
                      const MaskMeaning& meaning) {
  if (!meaning.ignore) return at::zeros_like(numbers, at::kBool);
  const bool color = std::holds_alternative<Color>(*meaning.ignore);
  return (color ? colors_of(file) : numbers).eq(key_of(*meaning.ignore));
}

/// Black and white, or what else says where the foreground is.
at::Tensor foreground_of(const std::filesystem::path& file, const at::Tensor& numbers,
                         const MaskMeaning& meaning) {
  if (meaning.threshold) return numbers.ge(*meaning.threshold);
  if (image_kind(file) == ImageKind::kJpeg) {
    return numbers.ge(kHalf);  // what was 0 and 255 has shades around its edges
  }
  const at::Tensor background = numbers.eq(0);
  const bool full = numbers.eq(kFull).logical_or_(background).all().item<bool>();
  if (!full && !numbers.eq(1).logical_or_(background).all().item<bool>()) {
    fail_shades(file, values_of(numbers));
  }
  return numbers.gt(0);
}

at::Tensor read_foreground(const std::filesystem::path& file, const MaskMeaning& meaning) {
  const ImageKind kind = image_kind(file);
  if (meaning.instances && kind == ImageKind::kJpeg) fail_lossy(file, "objects");
  // The numbers of a palette say nothing of black and white: its colours do.
  std::optional<at::Tensor> numbers;
  if (kind == ImageKind::kPalettePng && !meaning.instances) {
    const at::Tensor colors = colors_of(file), blue = colors.bitwise_and(255);
    if (colors.eq(blue * 0x10101).all().item<bool>()) numbers = blue;
  } else {
    numbers = numbers_of(file);
  }
  if (!numbers) fail_colors(file);
  const at::Tensor ignored = ignored_in(file, *numbers, meaning);
  const at::Tensor seen = numbers->masked_fill(ignored, 0);
  const at::Tensor out = meaning.border > 0  ? inside_and_border(seen, meaning.border)
                         : meaning.instances ? seen.gt(0)
                                             : foreground_of(file, seen, meaning);
  return out.to(at::kByte).masked_fill(ignored, kMaskIgnored).unsqueeze(0);
}

at::Tensor read_classes(const std::filesystem::path& file, const MaskMeaning& meaning) {
  const bool colors = std::holds_alternative<Color>(*meaning.classes[0].mark);
  if (image_kind(file) == ImageKind::kJpeg) fail_lossy(file, "classes");
  at::Tensor pixels;
  if (colors) {
    pixels = colors_of(file);
  } else {
    const auto numbers = numbers_of(file);
    if (!numbers) {
      fail_user(
          "the mask {} holds colours ({}), and data.classes gives numbers: {}\n"
          "  fix     data.classes = {{ NAME = \"#rrggbb\", … }}",
          file.string(), list_of(values_of(colors_of(file)), true), marks_of(meaning));
    }
    pixels = *numbers;
  }
  constexpr int64_t kUnknown = 256;
  at::Tensor out = at::full(pixels.sizes(), kUnknown, at::kShort);
  for (size_t c = 0; c < meaning.classes.size(); ++c) {
    out.masked_fill_(pixels.eq(key_of(*meaning.classes[c].mark)), static_cast<int64_t>(c));
  }
  if (meaning.ignore) out.masked_fill_(pixels.eq(key_of(*meaning.ignore)), kMaskIgnored);
  const at::Tensor unknown = out.eq(kUnknown);
  if (unknown.any().item<bool>()) {
    const auto values = values_of(pixels.masked_select(unknown));
    const bool white = !colors && values.size() == 1 && values[0] == kFull;
    fail_user(
        "the mask {} holds {} {}, which {} of the classes: {}\n"
        "  fix     {}",
        file.string(), colors ? "the colours" : "the values", list_of(values, colors),
        values.size() == 1 ? "is none" : "are none", marks_of(meaning),
        white ? "data.ignore = 255 where these pixels are not to be counted"
              : "name them in data.classes, or data.ignore for pixels that are not to be counted");
  }
  return out.to(at::kByte).unsqueeze(0);
}

}  // namespace

std::string to_string(const Mark& mark) {
  if (const auto* number = std::get_if<int64_t>(&mark)) return std::to_string(*number);
  return to_string(std::get<Color>(mark));
}

void check(const MaskMeaning& meaning) {
  const auto& classes = meaning.classes;
  if (classes.size() > 254) fail_user("data.classes has {} classes; 254 at most", classes.size());
  if (!classes.empty() && (meaning.threshold || meaning.instances)) {
    fail_user("data.{} is for masks of a foreground; data.classes says what the pixels are",
              meaning.threshold ? "threshold" : "instances");
  }
  if (meaning.threshold && meaning.instances) {
    fail_user("data.threshold and data.instances exclude each other");
  }
  std::map<Mark, std::string> seen;
  const auto add = [&](const std::string& name, const Mark& mark) {
    const auto [found, is_new] = seen.emplace(mark, name);
    if (!is_new) {
      fail_user("data.classes: {} and {} have the same mark, {}", quoted(found->second),
                quoted(name), to_string(mark));
    }
    if (mark.index() != seen.begin()->first.index()) {
      fail_user("data.classes: {} is given by a number and {} by a colour; one kind for all",
                quoted(mark.index() == 0 ? name : seen.begin()->second),
                quoted(mark.index() == 0 ? seen.rbegin()->second : name));
    }
  };
  for (const auto& c : classes) {
    if (c.mark) add(c.name, *c.mark);
  }
  if (meaning.ignore && !meaning.in_folders()) add("ignore", *meaning.ignore);
}

at::Tensor read_mask(const std::filesystem::path& file, const MaskMeaning& meaning) {
  const bool foreground = meaning.classes.empty() || meaning.in_folders();
  return foreground ? read_foreground(file, meaning) : read_classes(file, meaning);
}

std::vector<std::string> class_names(const MaskMeaning& meaning) {
  if (meaning.border > 0) return kInsideAndBorder;
  std::vector<std::string> names;
  for (const auto& c : meaning.classes) names.push_back(c.name);
  return names;
}

std::vector<std::string> class_colors(const MaskMeaning& meaning) {
  std::vector<std::string> colors;
  for (const auto& c : meaning.classes) {
    const auto* color = c.mark ? std::get_if<Color>(&*c.mark) : nullptr;
    if (color != nullptr) colors.push_back(to_string(*color));
  }
  return colors;
}

at::Tensor mask_truth(const at::Tensor& mask, bool exclusive) {
  const at::Tensor numbers = exclusive ? mask[0].to(at::kLong) : mask.to(at::kFloat);
  return numbers.masked_fill(numbers.eq(kMaskIgnored), -1);
}

void count_pixels(const at::Tensor& mask, std::vector<int64_t>& counts) {
  const at::Tensor sums = at::bincount(mask.flatten().to(at::kLong), {}, kMaskIgnored + 1);
  for (size_t c = 0; c < counts.size(); ++c) {
    counts[c] += sums[static_cast<int64_t>(c)].item<int64_t>();
  }
}

}  // namespace rung
