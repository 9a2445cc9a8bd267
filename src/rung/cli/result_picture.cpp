#include "rung/cli/result_picture.h"

#include <algorithm>
#include <cmath>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/cli/task_facts.h"
#include "rung/inspect/palette.h"

namespace rung::cli {
namespace {

const std::vector<std::string> kForms = {"values", "range", "probability", "classes"};

bool is_probability(OutputForm form) {
  return form == OutputForm::kSigmoid || form == OutputForm::kSoftmax;
}

struct Range {
  double low = 0, high = 0;
};

Range range_of(const Tensor& value) {
  Range range{INFINITY, -INFINITY};
  for (int64_t i = 0; i < value.elements(); ++i) {
    const double number = value.at(i);
    if (!std::isfinite(number)) continue;
    range.low = std::min(range.low, number);
    range.high = std::max(range.high, number);
  }
  return range.low <= range.high ? range : Range{};
}

/// Every number through a function, 0 to 1, as bytes; what is no number is black.
template <typename F>
Tensor bytes_of(const Tensor& value, const F& unit) {
  const Shape& shape = value.shape();
  Tensor bytes(DType::kU8, Shape(shape.begin() + 1, shape.end()));
  for (int64_t i = 0; i < bytes.elements(); ++i) {
    const double number = unit(value.at(i));
    bytes.set(i, std::isnan(number) ? 0 : std::nearbyint(std::clamp(number, 0.0, 1.0) * 255));
  }
  return bytes;
}

Tensor likeliest(const Tensor& value, const PictureForm& form, double threshold) {
  const Shape& shape = value.shape();
  const int64_t plane = shape[2] * shape[3], first = form.overlapping ? 1 : 0;
  Tensor classes(DType::kI32, {shape[2], shape[3]});
  for (int64_t i = 0; i < plane; ++i) {
    int64_t best = 0;
    for (int64_t c = 1; c < shape[1]; ++c) {
      if (value.at(c * plane + i) > value.at(best * plane + i)) best = c;
    }
    const bool none = form.overlapping && !(value.at(best * plane + i) > threshold);
    classes.set(i, none ? 0 : static_cast<double>(best + first));
  }
  const auto count = static_cast<size_t>(shape[1] + first);
  return colored(classes, form.colors.size() == count ? form.colors : class_colors(count));
}

Tensor values_picture(const Tensor& value, const std::string& what) {
  constexpr double kSlack = 1e-3;  // what rounding leaves
  const Range range = range_of(value);
  if (range.low < -kSlack || range.high > 1 + kSlack) {
    fail_user(
        "{}: its numbers go from {:.4g} to {:.4g}, and a picture shows 0 to 1\n"
        "  fix     --as range (stretched), --as probability (of logits), --as classes (a mask), or "
        "-o FILE.npy",
        what, range.low, range.high);
  }
  return bytes_of(value, [](double x) { return x; });
}

}  // namespace

void check_picture_form(const std::string& as) {
  if (as.empty() || std::find(kForms.begin(), kForms.end(), as) != kForms.end()) return;
  fail_user("--as {}: it is one of {}", quoted(as), join(kForms, ", "));
}

PictureForm picture_form(const Model& model, Value output, const std::string& as) {
  PictureForm form{.as = as, .numbers = output_form(model.graph, output)};
  const TaskFacts facts = task_facts(model);
  if (facts.task == "segmentation") {
    if (as.empty()) form.as = "classes";
    form.colors = facts.colors;
    form.overlapping = facts.overlapping;
  }
  form.trained_values = facts.range.has_value();
  if (form.as.empty()) form.as = "values";
  return form;
}

Tensor result_picture(const Tensor& value, const PictureForm& form, const std::string& what) {
  const Shape& shape = value.shape();
  const bool map = shape.size() == 4 && shape[0] == 1 && value.elements() > 0;
  const bool classes = form.as == "classes";
  if (!map || (!classes && shape[1] != 1 && shape[1] != 3)) {
    fail_user(
        "{} is no picture\n"
        "  rule    a picture is one map of 1 or 3 channels, [1, C, H, W] or, where the network "
        "says so, [1, H, W, C]\n"
        "  fix     {}-o FILE.npy",
        what, map ? "--as classes where the channels are classes, or " : "");
  }
  const bool probable = is_probability(form.numbers);
  const double threshold = probable ? 0.5 : 0;
  if (classes && shape[1] > 1) return likeliest(value, form, threshold);
  if (classes) {
    return bytes_of(value, [=](double x) { return x > threshold ? 1.0 : 0.0; });
  }
  if (form.as == "probability") {
    if (shape[1] != 1) fail_user("{}: --as probability shows one channel, not {}", what, shape[1]);
    if (probable) return values_picture(value, what);
    return bytes_of(value, [](double x) { return 1 / (1 + std::exp(-x)); });
  }
  if (form.as == "range") {
    const Range range = range_of(value);
    const double width = range.high > range.low ? range.high - range.low : 1;
    return bytes_of(value, [=](double x) { return (x - range.low) / width; });
  }
  if (form.trained_values) return bytes_of(value, [](double x) { return x; });
  return values_picture(value, what);
}

}  // namespace rung::cli
