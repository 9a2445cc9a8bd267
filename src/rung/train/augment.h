#pragma once

#include <ATen/ATen.h>

#include <utility>

#include "rung/base/rng.h"

namespace rung {

/// Random changes of training images. Each is off at its default.
struct Augment {
  int64_t shift = 0;      ///< moves by up to so many pixels both ways
  bool flip = false;      ///< left-right, every second time
  bool rotate = false;    ///< by quarter turns and reflections, all eight equally often; of images
                          ///< that are not square, by half turns
  double brightness = 0;  ///< adds a number from ±this to all of 0 … 1
  int64_t erase = 0;      ///< blanks a square of so many pixels, every second time
};

/// Changes an image f32 [C, H, W] in 0 … 1 and, where defined, its mask u8 [C, H, W] or its target
/// f32 [C, H, W] alike (but for brightness and erase, which are the image's alone). What comes in
/// from outside of the image is 0 there, kMaskIgnored in a mask, and no number in a target: it is
/// not counted.
void augment(const Augment& how, Rng& rng, at::Tensor& image, at::Tensor& mask);

/// A part of this height and width, drawn at random, of an image and its mask or target alike. An
/// image that is smaller is used whole; what is missing is filled as `augment` does it.
void crop(std::pair<int64_t, int64_t> size, Rng& rng, at::Tensor& image, at::Tensor& mask);

}  // namespace rung
