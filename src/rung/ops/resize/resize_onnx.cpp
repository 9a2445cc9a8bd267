#include <algorithm>
#include <cmath>
#include <numeric>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/ops/resize/grid_onnx.h"

namespace rung::ops {
namespace {

/// What a Resize asks for, resolved: sizes and factors of every axis, at every size of the inputs.
struct Request {
  std::string mode = "nearest", places = "half_pixel", nearest = "round_prefer_floor";
  double cubic = -0.75, outside = 0;
  bool exclude_outside = false, antialias = false;
  std::vector<size_t> axes;                ///< that are resized
  std::vector<double> scale;               ///< one per axis of x
  Dims from, to;                           ///< sizes, one per axis of x
  std::vector<double> roi_begin, roi_end;  ///< one per axis of x
  bool scaled = false;                     ///< factors were given
};

Dim scaled_size(const Dim& size, double factor) {
  Dim out = size;
  for (auto& n : out.seen) {
    n = static_cast<int64_t>(std::floor(static_cast<double>(n) * factor + 1e-9));
  }
  return out;
}

/// `keep_aspect_ratio_policy`: the same factor for every axis.
void keep_aspect(OnnxCall& call, Request& r, const std::string& policy) {
  if (policy == "stretch") return;
  double factor = 0;
  for (const size_t axis : r.axes) {
    if (r.from[axis].varies() || r.to[axis].varies()) call.fix({r.from[axis], r.to[axis]});
    const double own =
        static_cast<double>(r.to[axis].value()) / static_cast<double>(r.from[axis].value());
    if (factor == 0) factor = own;
    factor = policy == "not_larger" ? std::min(factor, own) : std::max(factor, own);
  }
  for (const size_t axis : r.axes) {
    r.scale[axis] = factor;
    r.to[axis].seen.assign(r.to[axis].seen.size(),
                           std::llround(factor * static_cast<double>(r.from[axis].value())));
  }
}

Request read_request(OnnxCall& call) {
  Request r;
  const bool upsample = call.name() == "Upsample", old = call.opset() < 11;
  r.mode = call.text("mode", "nearest");
  r.places = call.text("coordinate_transformation_mode", old ? "asymmetric" : "half_pixel");
  r.nearest = call.text("nearest_mode", old ? "floor" : "round_prefer_floor");
  r.cubic = call.number("cubic_coeff_a", -0.75);
  r.outside = call.number("extrapolation_value", 0);
  r.exclude_outside = call.integer("exclude_outside", 0) != 0;
  r.antialias = call.integer("antialias", 0) != 0;
  r.from = r.to = call.sizes(0);
  const size_t rank = r.from.size();
  r.scale.assign(rank, 1);
  r.roi_begin.assign(rank, 0);
  r.roi_end.assign(rank, 1);
  std::vector<size_t> axes(rank);
  std::iota(axes.begin(), axes.end(), 0);
  if (call.has("axes")) {
    axes.clear();
    for (const int64_t axis : call.integers("axes")) axes.push_back(resolve_axis(axis, rank));
  }
  const size_t scales_input = upsample || old ? 1 : 2;
  std::vector<double> scales;
  if (call.has("scales")) {
    scales = call.numbers("scales");
  } else if (call.given(scales_input) && call.known(scales_input)) {
    scales = call.numbers(scales_input);
  }
  if (r.places == "tf_crop_and_resize" && !(call.given(1) && call.known(1))) {
    fail_unsupported("the region must be known when the file is read, and data decides it");
  }
  if (!old && call.given(1) && call.known(1)) {
    const auto roi = call.numbers(1);
    for (size_t i = 0; roi.size() == 2 * axes.size() && i < axes.size(); ++i) {
      r.roi_begin[axes[i]] = roi[i];
      r.roi_end[axes[i]] = roi[axes.size() + i];
    }
  }
  r.scaled = !scales.empty();
  const bool sized = !r.scaled && call.given(3);
  if (!r.scaled && !sized) {
    fail_unsupported("the factors must be known when the file is read, and data decides them");
  }
  Dims sizes = sized ? call.dims(3) : Dims{};
  if ((r.scaled ? scales.size() : sizes.size()) != axes.size()) {
    fail_user("{} numbers for {} axes", r.scaled ? scales.size() : sizes.size(), axes.size());
  }
  for (size_t i = 0; i < axes.size(); ++i) {
    const size_t axis = axes[i];
    if (r.scaled) {
      r.scale[axis] = scales[i];
      const double part =
          r.places == "tf_crop_and_resize" ? r.roi_end[axis] - r.roi_begin[axis] : 1;
      r.to[axis] = scaled_size(r.from[axis], scales[i] * part);
    } else {
      r.to[axis] = sizes[i];
      r.scale[axis] = static_cast<double>(sizes[i].value()) /
                      static_cast<double>(std::max<int64_t>(1, r.from[axis].value()));
    }
    if (r.to[axis].seen != r.from[axis].seen || r.scale[axis] != 1 ||
        r.places == "tf_crop_and_resize") {
      r.axes.push_back(axis);
    }
  }
  if (sized) keep_aspect(call, r, call.text("keep_aspect_ratio_policy", "stretch"));
  return r;
}

/// The op's own mode, where it computes the same numbers.
std::optional<std::pair<ResizeMode, bool>> native(const Request& r) {
  if (r.antialias || r.exclude_outside || r.from.size() < 3 || r.from.size() > 5) return {};
  if (r.axes.empty() || r.axes[0] < 2) return {};
  const bool half = r.places == "half_pixel" || r.places == "pytorch_half_pixel";
  const bool corners = r.places == "align_corners";
  for (const size_t axis : r.axes) {  // the two differ where one element is left
    for (const int64_t n : r.to[axis].seen) {
      if (n == 1 && r.places != "asymmetric") return {};
    }
    // Corners are aligned to where the factor ends, which is no element where it is no whole size.
    for (const int64_t n : r.from[axis].seen) {
      const double end = static_cast<double>(n) * r.scale[axis];
      if (corners && r.scaled && std::fabs(end - std::round(end)) > 1e-6) return {};
    }
  }
  if (r.mode == "nearest") {
    if (r.places == "asymmetric" && r.nearest == "floor")
      return std::pair(ResizeMode::kNearest, false);
    return {};
  }
  if (r.mode == "linear" && (half || corners)) return std::pair(ResizeMode::kLinear, corners);
  if (r.mode == "cubic" && (half || corners) && r.cubic == -0.75 && r.from.size() == 4) {
    return std::pair(ResizeMode::kCubic, corners);
  }
  return {};
}

std::optional<Ref> resize_natively(OnnxCall& call, const Request& r) {
  const auto mode = native(r);
  if (!mode) return {};
  const Ref x = call.tensor(0);
  Resize op{.mode = mode->first, .align_corners = mode->second};
  Dims spatial(r.to.begin() + 2, r.to.end());
  bool varies = false;
  for (const Dim& size : spatial) varies = varies || size.varies();
  // A factor gives floor(size · factor) to both; where sizes follow, it is what stays the same.
  if (r.scaled) {
    for (size_t i = 2; i < r.from.size(); ++i) op.scale.push_back(r.scale[i]);
    return call.add(op, {x});
  }
  if (!varies) {
    for (const Dim& size : spatial) op.size.push_back(size.value());
    return call.add(op, {x});
  }
  const auto like = call.find_like(spatial);
  if (!like) call.fix(spatial);
  Sizes axes;
  for (size_t i = 2; i < r.from.size(); ++i) axes.push_back(static_cast<int64_t>(i));
  return call.add(ResizeLike{.axes = axes,
                             .like_axes = like->axes,
                             .mode = op.mode,
                             .align_corners = op.align_corners},
                  {x, like->tensor});
}

/// Where sample i of the result lies in the input, by ONNX's formulas.
double source_place(const Request& r, size_t axis, int64_t i) {
  const auto from = static_cast<double>(r.from[axis].value());
  const double scale = r.scale[axis], x = static_cast<double>(i);
  const double to = r.scaled ? from * scale : static_cast<double>(r.to[axis].value());
  if (r.places == "align_corners") return r.to[axis].value() == 1 ? 0 : x * (from - 1) / (to - 1);
  if (r.places == "asymmetric") return x / scale;
  if (r.places == "pytorch_half_pixel") return to > 1 ? (x + 0.5) / scale - 0.5 : 0;
  if (r.places == "tf_half_pixel_for_nn") return (x + 0.5) / scale;
  if (r.places == "tf_crop_and_resize") {
    const double begin = r.roi_begin[axis], end = r.roi_end[axis];
    if (to <= 1) return 0.5 * (begin + end) * (from - 1);
    return begin * (from - 1) + x * (end - begin) * (from - 1) / (to - 1);
  }
  if (r.places == "half_pixel_symmetric") {
    const double centre = from / 2;
    const double adjustment = static_cast<double>(r.to[axis].value()) / (scale * from);
    return centre * (1 - adjustment) + (x + 0.5) / scale - 0.5;
  }
  if (r.places == "half_pixel") return (x + 0.5) / scale - 0.5;
  fail_user("attribute coordinate_transformation_mode is {}", quoted(r.places));
}

double cubic_weight(double a, double d) {
  d = std::fabs(d);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  if (d < 2) return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  return 0;
}

int64_t nearest_place(const std::string& mode, double x) {
  if (mode == "floor") return static_cast<int64_t>(std::floor(x));
  if (mode == "ceil") return static_cast<int64_t>(std::ceil(x));
  if (mode == "round_prefer_ceil") return static_cast<int64_t>(std::floor(x + 0.5));
  if (mode == "round_prefer_floor") return static_cast<int64_t>(std::ceil(x - 0.5));
  fail_user("attribute nearest_mode is {}", quoted(mode));
}

/// Row i: the weights of the input's samples in sample i of the result. `outside` marks rows that
/// lie outside of the input.
Tensor weights(const Request& r, size_t axis, std::vector<bool>& outside) {
  const int64_t from = r.from[axis].value(), to = r.to[axis].value();
  if (to * from > 64 * 1024 * 1024) fail_unsupported("a Resize of {} to {} elements", from, to);
  Tensor out(DType::kF32, {to, from});
  const auto rows = out.as<float>();
  outside.assign(static_cast<size_t>(to), false);
  for (int64_t i = 0; i < to; ++i) {
    double place = source_place(r, axis, i);
    if (r.places == "tf_crop_and_resize" && (place < 0 || place > static_cast<double>(from - 1))) {
      outside[static_cast<size_t>(i)] = true;
      continue;
    }
    std::vector<std::pair<int64_t, double>> taps;
    if (r.mode == "nearest") {
      taps = {{nearest_place(r.nearest, place), 1}};
    } else {
      const bool cubic = r.mode == "cubic";
      if (!cubic && r.mode != "linear") fail_user("attribute mode is {}", quoted(r.mode));
      const double stretch = r.antialias && r.scale[axis] < 1 ? 1 / r.scale[axis] : 1;
      if (!cubic && !r.antialias) {
        place = std::clamp(place, 0.0, static_cast<double>(from - 1));
      }
      const double reach = (cubic ? 2 : 1) * stretch;
      double sum = 0;
      for (auto k = static_cast<int64_t>(std::floor(place - reach));
           k <= static_cast<int64_t>(std::ceil(place + reach)); ++k) {
        const double d = (static_cast<double>(k) - place) / stretch;
        double weight = cubic ? cubic_weight(r.cubic, d) : std::max(0.0, 1 - std::fabs(d));
        if (r.exclude_outside && (k < 0 || k >= from)) weight = 0;
        if (weight == 0) continue;
        taps.emplace_back(k, weight);
        sum += weight;
      }
      for (auto& tap : taps) tap.second /= sum;
    }
    for (const auto& [k, weight] : taps) {
      const int64_t at = std::clamp<int64_t>(k, 0, from - 1);
      rows[static_cast<size_t>(i * from + at)] += static_cast<float>(weight);
    }
  }
  return out;
}

/// Any way of resizing is a matrix along each axis; the graph holds at these sizes.
Ref resize_by_matrix(OnnxCall& call, const Request& r) {
  Ref x = call.tensor(0);
  const DType dtype = call.type(x).dtype;
  x = call.cast(x, DType::kF32);
  std::vector<std::vector<bool>> outside(r.from.size());
  for (const size_t axis : r.axes) {
    if (r.from[axis].varies() || r.to[axis].varies()) call.fix({r.from[axis], r.to[axis]});
    const Ref matrix = call.add(Constant{weights(r, axis, outside[axis])}, {});
    const size_t rank = r.from.size();
    Sizes order(rank);
    std::iota(order.begin(), order.end(), 0);
    std::swap(order[axis], order[rank - 1]);
    const bool moves = axis + 1 != rank;
    if (moves) x = call.add(Transpose{.order = order}, {x});
    x = call.add(Linear{}, {x, matrix});
    if (moves) x = call.add(Transpose{.order = order}, {x});
  }
  for (size_t axis = 0; axis < outside.size(); ++axis) {
    if (std::find(outside[axis].begin(), outside[axis].end(), true) == outside[axis].end()) {
      continue;
    }
    Shape shape(outside.size() - axis, 1);
    shape[0] = static_cast<int64_t>(outside[axis].size());
    Tensor mask(DType::kBool, shape);
    for (size_t i = 0; i < outside[axis].size(); ++i) {
      mask.set(static_cast<int64_t>(i), outside[axis][i] ? 1 : 0);
    }
    x = call.add(Where{}, {call.add(Constant{mask}, {}), call.scalar(r.outside, DType::kF32), x});
  }
  return call.cast(x, dtype);
}

OnnxResult resize(OnnxCall& call) {
  const Request request = read_request(call);
  if (request.axes.empty()) return {call.tensor(0)};
  if (const auto y = resize_natively(call, request)) return {*y};
  return {resize_by_matrix(call, request)};
}

constexpr OnnxEntry kResizeRules[] = {
    {"Resize", resize},          {"Upsample", resize},    {"GridSample", grid_sample},
    {"AffineGrid", affine_grid}, {"RoiAlign", roi_align},
};

}  // namespace

OnnxRules resize_onnx() { return kResizeRules; }

}  // namespace rung::ops
