#include "rung/ops/resize/grid_onnx.h"

#include <algorithm>
#include <array>
#include <optional>

#include "rung/base/error.h"
#include "rung/base/text.h"

namespace rung::ops {
namespace {

/// The places of the cells' samples along an axis of `size` elements, in boxes that reach from
/// begin [R] over extent [R].
struct Samples {
  Ref inside;  ///< [R, cells · samples], the edge's place for those up to an element beyond it
  Ref near;    ///< [R, cells · samples, 1]: 1; 0 further out, where there is nothing
  Ref place;   ///< [size], of the elements
};

Samples samples_of(OnnxCall& call, Ref begin, Ref extent, int64_t count, int64_t size) {
  const DType dtype = call.type(begin).dtype;
  Tensor part(dtype, {count}), place(dtype, {size});
  for (int64_t i = 0; i < count; ++i) {
    part.set(i, (static_cast<double>(i) + 0.5) / static_cast<double>(count));
  }
  for (int64_t i = 0; i < size; ++i) place.set(i, static_cast<double>(i));
  const auto constant = [&](const Tensor& t) { return call.add(Constant{t}, {}); };
  const auto column = [&](Ref x) { return call.add(Unsqueeze{.axes = {1}}, {x}); };
  const Ref exact = call.binary(BinaryFn::kAdd, column(begin),
                                call.binary(BinaryFn::kMul, column(extent), constant(part)));
  const Ref near =
      call.add(Binary{BinaryFn::kAnd},
               {call.with_number(BinaryFn::kGreaterEqual, exact, -1),
                call.with_number(BinaryFn::kLessEqual, exact, static_cast<double>(size))});
  return {.inside = call.add(Clamp{.low = 0, .high = static_cast<double>(size - 1)}, {exact}),
          .near = call.cast(call.add(Unsqueeze{.axes = {2}}, {near}), dtype),
          .place = constant(place)};
}

/// The weights of the elements in each sample, between the two next to it: [R, samples, size].
Ref between(OnnxCall& call, const Samples& samples) {
  const Ref away = call.unary(
      UnaryFn::kAbs, call.binary(BinaryFn::kSub, call.add(Unsqueeze{.axes = {2}}, {samples.inside}),
                                 samples.place));
  const Ref weight = call.unary(
      UnaryFn::kRelu, call.with_number(BinaryFn::kAdd, call.unary(UnaryFn::kNeg, away), 1));
  return call.binary(BinaryFn::kMul, weight, samples.near);
}

/// The same, apart: of the element in front of each sample, and of that behind it.
std::array<Ref, 2> apart(OnnxCall& call, const Samples& samples) {
  const DType dtype = call.type(samples.inside).dtype;
  const Ref front = call.unary(UnaryFn::kFloor, samples.inside);
  const Ref part = call.binary(BinaryFn::kSub, samples.inside, front);
  const auto weights = [&](Ref place, Ref weight) {
    const Ref at =
        call.binary(BinaryFn::kEqual, call.add(Unsqueeze{.axes = {2}}, {place}), samples.place);
    const Ref spread = call.binary(BinaryFn::kMul, call.add(Unsqueeze{.axes = {2}}, {weight}),
                                   call.cast(at, dtype));
    return call.binary(BinaryFn::kMul, spread, samples.near);
  };
  const Ref rest = call.with_number(BinaryFn::kAdd, call.unary(UnaryFn::kNeg, part), 1);
  return {weights(front, rest), weights(call.with_number(BinaryFn::kAdd, front, 1), part)};
}

/// images [R, C, H, W] weighed along both axes: [R, C, samples down, samples across].
Ref sampled(OnnxCall& call, Ref images, Ref down, Ref across) {
  const auto per_channel = [&](Ref w) { return call.add(Unsqueeze{.axes = {1}}, {w}); };
  const Ref y = call.add(MatMul{}, {per_channel(down), images});
  return call.add(MatMul{}, {y, per_channel(call.add(Transpose{.order = {0, 2, 1}}, {across}))});
}

/// The mean of each cell's samples, which is a matrix product along either axis.
Ref means(OnnxCall& call, Ref images, const Samples& down, const Samples& across, Shape cells,
          int64_t samples) {
  const auto weights = [&](const Samples& along, size_t axis) {
    const Ref w = between(call, along);
    const Ref each =
        call.add(Reshape{.shape = {0, cells[axis], samples, call.type(along.place).shape[0]}}, {w});
    return call.add(Reduce{.kind = ReduceKind::kMean, .axes = {2}}, {each});
  };
  return sampled(call, images, weights(down, 0), weights(across, 1));
}

/// The greatest in each cell of the four elements around each sample, times their weights: not of
/// the values between them, as ONNX Runtime has it and the ONNX project's case expects.
Ref maxima(OnnxCall& call, Ref images, const Samples& down, const Samples& across, Shape cells,
           int64_t samples) {
  const auto rows = apart(call, down), columns = apart(call, across);
  std::optional<Ref> most;
  for (const Ref row : rows) {
    for (const Ref column : columns) {
      const Ref part = sampled(call, images, row, column);
      most = most ? call.binary(BinaryFn::kMax, *most, part) : part;
    }
  }
  const Ref y = call.add(Reshape{.shape = {0, 0, cells[0], samples, cells[1], samples}}, {*most});
  return call.add(Reduce{.kind = ReduceKind::kMax, .axes = {3, 5}}, {y});
}

/// The grid [N, D, H, W, 3] of x [N, C, D, H, W] with each place moved onto the element that ONNX
/// takes, the even one of two that are as near. LibTorch 1.13 would take the odd one.
Ref onto_elements(OnnxCall& call, Ref grid, const Dims& x, int64_t edge, bool corners) {
  const DType dtype = call.type(grid).dtype;
  const auto per_axis = [&](const auto& number_of) {
    Tensor t(dtype, {3});
    for (int64_t i = 0; i < 3; ++i) {  // across, down, deep
      t.set(i, number_of(static_cast<double>(x[static_cast<size_t>(4 - i)].value())));
    }
    return call.add(Constant{t}, {});
  };
  const auto with = [&](BinaryFn fn, Ref a, const auto& number_of) {
    return call.binary(fn, a, per_axis(number_of));
  };
  // From [-1, 1] to the elements' numbers, 0 to size - 1.
  const auto scale = [&](double size) { return (corners ? size - 1 : size) / 2; };
  const auto shift = [&](double size) { return (size - 1) / 2; };
  const auto last = [](double size) { return size - 1; };
  Ref place = with(BinaryFn::kAdd, with(BinaryFn::kMul, grid, scale), shift);
  if (edge == 2) {  // there and back between the edges
    const double first = corners ? 0 : -0.5;
    const auto span = [&](double size) { return std::max(corners ? size - 1 : size, 0.5); };
    const auto both = [&](double size) { return 2 * span(size); };
    place = call.unary(UnaryFn::kAbs, call.with_number(BinaryFn::kSub, place, first));
    place = with(BinaryFn::kSub, with(BinaryFn::kRemainder, place, both), span);
    place = call.unary(UnaryFn::kNeg, call.unary(UnaryFn::kAbs, place));
    place = call.with_number(BinaryFn::kAdd, with(BinaryFn::kAdd, place, span), first);
  }
  if (edge != 0) {
    place = call.with_number(BinaryFn::kMax, with(BinaryFn::kMin, place, last), 0);
  }
  place = with(BinaryFn::kSub, call.unary(UnaryFn::kRound, place), shift);
  return with(BinaryFn::kDiv, place, [&](double size) { return std::max(scale(size), 0.5); });
}

}  // namespace

OnnxResult grid_sample(OnnxCall& call) {
  const std::string mode = call.text("mode", "bilinear"),
                    border = call.text("padding_mode", "zeros");
  const auto place = [](std::string_view name, std::initializer_list<std::string_view> names) {
    int64_t i = 0;
    for (const auto& known : names) {
      if (name == known) return i;
      ++i;
    }
    return int64_t{-1};
  };
  int64_t how = place(mode, {"bilinear", "nearest", "bicubic"});
  if (how < 0) how = place(mode, {"linear", "nearest", "cubic"});
  const int64_t edge = place(border, {"zeros", "border", "reflection"});
  if (how < 0 || edge < 0) fail_user("modes {} and {}", quoted(mode), quoted(border));
  const bool corners = call.integer("align_corners", 0) != 0;
  const Ref x = call.tensor(0);
  Ref grid = call.tensor(1);
  const Dims sizes = call.sizes(0), grid_sizes = call.sizes(1);
  if (sizes.size() != 4 && sizes.size() != 5)
    fail_unsupported("GridSample of {} axes", sizes.size());
  if (sizes.size() == 5 && how == 2) fail_unsupported("{} GridSample of volumes", mode);
  if (sizes.size() == 5 && how == 1) {
    for (size_t i : {2, 3, 4}) {
      if (sizes[i].varies()) call.fix({sizes[i]});
    }
    grid = onto_elements(call, grid, sizes, edge, corners);
  }
  TensorType type = call.type(x);
  for (size_t i = 2; i < sizes.size(); ++i) type.shape[i] = grid_sizes.at(i - 1).value();
  const char* schema = sizes.size() == 4
                           ? "aten::grid_sampler_2d(Tensor input, Tensor grid, int "
                             "interpolation_mode, int padding_mode, bool align_corners) -> Tensor"
                           : "aten::grid_sampler_3d(Tensor input, Tensor grid, int "
                             "interpolation_mode, int padding_mode, bool align_corners) -> Tensor";
  return Aten(call, schema)
      .input(x)
      .input(grid)
      .integer(how)
      .integer(edge)
      .flag(corners)
      .give({type});
}

OnnxResult affine_grid(OnnxCall& call) {
  const Sizes size = call.integers(1);
  const Ref theta = call.tensor(0);
  if (size.size() != 4 && size.size() != 5) fail_user("AffineGrid of size {}", to_string(size));
  Shape shape{size[0]};
  shape.insert(shape.end(), size.begin() + 2, size.end());
  shape.push_back(static_cast<int64_t>(size.size()) - 2);
  return Aten(call,
              "aten::affine_grid_generator(Tensor theta, int[] size, bool align_corners) -> Tensor")
      .input(theta)
      .integers(size)
      .flag(call.integer("align_corners", 0) != 0)
      .give({TensorType(call.type(theta).dtype, shape)});
}

// x [N, C, H, W], boxes [R, 4] (x1, y1, x2, y2), the image of each: means or maxima of the boxes'
// cells
OnnxResult roi_align(OnnxCall& call) {
  const std::string mode = call.text("mode", "avg");
  if (mode != "avg" && mode != "max") fail_user("attribute mode is {}", quoted(mode));
  const int64_t samples = call.integer("sampling_ratio", 0);
  if (samples < 1) {
    fail_unsupported("RoiAlign with as many samples as a box has elements (sampling_ratio = 0)");
  }
  const std::string places = call.text("coordinate_transformation_mode",
                                       call.opset() < 16 ? "output_half_pixel" : "half_pixel");
  const bool half = places == "half_pixel";
  if (!half && places != "output_half_pixel") {
    fail_user("attribute coordinate_transformation_mode is {}", quoted(places));
  }
  const int64_t rows = call.integer("output_height", 1), columns = call.integer("output_width", 1);
  if (rows < 1 || columns < 1 || rows * columns * samples > 1 << 20) {
    fail_user("RoiAlign to {} × {} cells of {} samples", rows, columns, samples);
  }
  const Dims sizes = call.sizes(0);
  if (sizes.size() != 4) fail_user("RoiAlign of {} axes", sizes.size());
  for (size_t i : {2, 3}) {
    if (sizes[i].varies()) call.fix({sizes[i]});
  }
  Ref boxes = call.with_number(BinaryFn::kMul, call.tensor(1), call.number("spatial_scale", 1));
  if (half) boxes = call.with_number(BinaryFn::kSub, boxes, 0.5);
  const auto corner = [&](int64_t i) {
    const Ref one = call.add(Slice{.axis = 1, .begin = i, .end = i + 1}, {boxes});
    return call.add(Squeeze{.axes = {1}}, {one});
  };
  const auto along = [&](int64_t i, int64_t cells, int64_t size) {
    const Ref begin = corner(i);
    Ref extent = call.binary(BinaryFn::kSub, corner(i + 2), begin);
    if (!half) extent = call.add(Clamp{.low = 1, .high = {}}, {extent});
    return samples_of(call, begin, extent, cells * samples, size);
  };
  const Ref images =
      call.add(Gather{.axis = 0}, {call.tensor(0), call.cast(call.tensor(2), DType::kI64)});
  const Samples across = along(0, columns, sizes[3].value());
  const Samples down = along(1, rows, sizes[2].value());
  return {(mode == "avg" ? means : maxima)(call, images, down, across, {rows, columns}, samples)};
}

}  // namespace rung::ops
