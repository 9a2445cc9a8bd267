#pragma once

#include <string>

#include "rung/graph/model.h"
#include "rung/graph/output_form.h"
#include "rung/io/color.h"

namespace rung::cli {

/// How a result becomes a picture.
struct PictureForm {
  /// values       numbers from 0 to 1, of 1 or 3 channels
  /// range        the same, the least black and the largest white
  /// probability  of one channel: 0 to 1, logits through a sigmoid
  /// classes      of one channel black and white (a mask); of several the likeliest class's colour
  std::string as = "values";
  OutputForm numbers = OutputForm::kLogits;  ///< what the result's numbers are
  std::vector<Color> colors = {};            ///< of the classes; none: usual ones
  bool overlapping = false;  ///< classes are a yes or no each: black where there is none
  bool trained_values = false;  ///< trained to be 0 to 1: what is a little beyond is cut off
};

/// What --as may be. Throws a user error otherwise.
void check_picture_form(const std::string& as);

/// How an output of the model is shown: as `as` says where it is not empty; as classes where the
/// model was trained to segment; else its values.
PictureForm picture_form(const Model& model, Value output, const std::string& as);

/// f32 [1, C, H, W] as a picture u8. Throws a user error where it cannot be one in that form;
/// `what` begins the message.
Tensor result_picture(const Tensor& value, const PictureForm& form, const std::string& what);

}  // namespace rung::cli
