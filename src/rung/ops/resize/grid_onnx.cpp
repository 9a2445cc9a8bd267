#include "rung/ops/resize/grid_onnx.h"
#include "rung/base/error.h"
#include "rung/base/text.h"

namespace rung::ops {
namespace {

/// The weights of an axis' elements in the cells of boxes that reach from begin [R] over extent
/// [R]: [R, cells, size]. Each cell is the mean of `samples` places, between the elements.
Ref cell_weights(OnnxCall& call, Ref begin, Ref extent, int64_t cells, int64_t samples,
                 int64_t size) {
  const DType dtype = call.type(begin).dtype;
  Tensor part(DType::kF32, {cells * samples}), place(DType::kF32, {size});
  for (int64_t i = 0; i < cells * samples; ++i) {
    part.set(i, (static_cast<double>(i) + 0.5) / static_cast<double>(cells * samples));
  }
  for (int64_t i = 0; i < size; ++i) place.set(i, static_cast<double>(i));
  const auto constant = [&](const Tensor& t) {
    return call.cast(call.add(Constant{t}, {}), dtype);
  };
  const auto column = [&](Ref x) { return call.add(Unsqueeze{.axes = {1}}, {x}); };
  const Ref exact = call.binary(
      BinaryFn::kAdd, column(begin),
      call.binary(BinaryFn::kMul, column(extent), constant(part)));  // [R, cells · samples]
  // Up to one element beyond the edge the edge's value holds, further out there is nothing.
  const Ref near =
      call.add(Binary{BinaryFn::kAnd},
               {call.with_number(BinaryFn::kGreaterEqual, exact, -1),
                call.with_number(BinaryFn::kLessEqual, exact, static_cast<double>(size))});
  const Ref inside = call.add(Clamp{.low = 0, .high = static_cast<double>(size - 1)}, {exact});
  const Ref away = call.unary(
      UnaryFn::kAbs,
      call.binary(BinaryFn::kSub, call.add(Unsqueeze{.axes = {2}}, {inside}), constant(place)));
  Ref weight = call.unary(UnaryFn::kRelu,
                          call.with_number(BinaryFn::kAdd, call.unary(UnaryFn::kNeg, away), 1));
  weight = call.binary(BinaryFn::kMul, weight,
                       call.cast(call.add(Unsqueeze{.axes = {2}}, {near}), dtype));
  weight = call.add(Reshape{.shape = {0, cells, samples, size}}, {weight});
  return call.add(Reduce{.kind = ReduceKind::kMean, .axes = {2}}, {weight});
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
  const Ref x = call.tensor(0), grid = call.tensor(1);
  const Dims sizes = call.sizes(0), grid_sizes = call.sizes(1);
  if (sizes.size() != 4 && sizes.size() != 5)
    fail_unsupported("GridSample of {} axes", sizes.size());
  if (sizes.size() == 5 && how != 0) fail_unsupported("{} GridSample of volumes", mode);
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
      .flag(call.integer("align_corners", 0) != 0)
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

// x [N, C, H, W], boxes [R, 4] (x1, y1, x2, y2), the image of each: means of the boxes' cells,
// which are a matrix product along either axis
OnnxResult roi_align(OnnxCall& call) {
  if (call.text("mode", "avg") != "avg")
    fail_unsupported("RoiAlign by maxima; means are supported");
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
  const auto weights = [&](int64_t i, int64_t cells, int64_t size) {
    const Ref begin = corner(i);
    Ref extent = call.binary(BinaryFn::kSub, corner(i + 2), begin);
    if (!half) extent = call.add(Clamp{.low = 1, .high = {}}, {extent});
    return cell_weights(call, begin, extent, cells, samples, size);
  };
  const auto per_channel = [&](Ref w) { return call.add(Unsqueeze{.axes = {1}}, {w}); };
  const Ref images =
      call.add(Gather{.axis = 0}, {call.tensor(0), call.cast(call.tensor(2), DType::kI64)});
  Ref across = weights(0, columns, sizes[3].value());
  across = call.add(Transpose{.order = {0, 2, 1}}, {across});
  const Ref down = weights(1, rows, sizes[2].value());
  const Ref y = call.add(MatMul{}, {per_channel(down), images});
  return {call.add(MatMul{}, {y, per_channel(across)})};
}

}  // namespace rung::ops
