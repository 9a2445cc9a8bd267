#pragma once

#include <ATen/ATen.h>

#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "rung/io/color.h"

namespace rung {

/// What the pixels of a class have in a mask: a number (of grey, or of a palette), or a colour.
using Mark = std::variant<int64_t, Color>;
std::string to_string(const Mark& mark);

struct MaskClass {
  std::string name;
  /// Nothing: the class has a mask file of its own, in a folder of its name.
  std::optional<Mark> mark = std::nullopt;
};

/// In a mask as it is kept: what is not counted.
constexpr int64_t kMaskIgnored = 255;

/// How mask files say what is where.
struct MaskMeaning {
  /// In the order of the network's channels. None: a foreground, 255 (or 1) where it is.
  std::vector<MaskClass> classes = {};
  std::optional<Mark> ignore = std::nullopt;  ///< pixels that are not counted
  /// Foreground alone: grey from this value on (1 to 255), for masks with shades in between.
  std::optional<int64_t> threshold = std::nullopt;
  /// The numbers are those of objects: all of them are foreground, or, with `border`, they are
  /// `kInsideAndBorder`.
  bool instances = false;
  /// How many pixels of an object's rim are its border: those with another number, an object's or
  /// the background's, at most so far away (in rows and columns). 0: objects have none.
  int64_t border = 0;

  bool in_folders() const { return !classes.empty() && !classes[0].mark; }
};

/// The classes of objects with borders.
inline const std::vector<std::string> kInsideAndBorder = {"background", "inside", "border"};

/// The names of the classes; none of a foreground.
std::vector<std::string> class_names(const MaskMeaning& meaning);
/// Their colours, "#rrggbb", where masks show them.
std::vector<std::string> class_colors(const MaskMeaning& meaning);

/// Throws a user error: numbers and colours mixed, a mark given twice, more than 255 classes,
/// classes along with threshold or instances.
void check(const MaskMeaning& meaning);

/// Reads a mask as class numbers u8 [1, H, W], kMaskIgnored where the pixel is not counted; of
/// foregrounds 1 and 0. Throws a user error that names the file and what stands in it: a pixel that
/// is none of the classes, colours where numbers are wanted, shades where the meaning is a
/// foreground.
at::Tensor read_mask(const std::filesystem::path& file, const MaskMeaning& meaning);

/// What a loss wants of a mask [C, H, W] as it is kept: i64 [H, W] of exclusive classes, else f32
/// [C, H, W]; below 0 where it is not counted.
at::Tensor mask_truth(const at::Tensor& mask, bool exclusive);

/// Adds how many pixels of a mask [1, H, W] hold each number.
void count_pixels(const at::Tensor& mask, std::vector<int64_t>& counts);

}  // namespace rung
