#include "rung/base/error.h"
#include "rung/ops/conv/conv_onnx.h"
#include "rung/ops/layout/follow.h"
#include "rung/ops/window_onnx.h"

namespace rung::ops {
namespace {

constexpr int64_t kLargestTable = 1 << 24;  ///< places of a table that is worked out in advance

int64_t product(const Sizes& sizes) {
  int64_t out = 1;
  for (const int64_t n : sizes) out *= n;
  return out;
}

/// Steps through all places of some sizes, the last axis fastest.
void advance(Sizes& at, const Sizes& sizes) {
  for (size_t i = sizes.size(); i-- > 0;) {
    if (++at[i] < sizes[i]) return;
    at[i] = 0;
  }
}

}  // namespace

// Blocks [N, C · block, L] summed up to where they were cut from an image [N, C, image…].
OnnxResult col2im(OnnxCall& call) {
  const Sizes image = call.integers(1), block = call.integers(2);
  const size_t axes = image.size();
  const Window w = read_window(call, block);
  Sizes windows;
  for (size_t i = 0; i < axes; ++i) {
    const int64_t span = w.dilation.at(i) * (block[i] - 1) + 1;
    windows.push_back((image[i] + w.begin[i] + w.end[i] - span) / w.stride[i] + 1);
  }
  const int64_t taps = product(block), places = product(windows), pixels = product(image);
  const Dims x = call.sizes(0);
  if (x.size() != 3 || x[1].value() % taps != 0 || x[2].value() != places) {
    fail_user("Col2Im of blocks {} and an image {} needs [N, C · {}, {}], not {}", to_string(block),
              to_string(image), taps, places, to_string(call.type(call.tensor(0)).shape));
  }
  if (taps * places > kLargestTable || pixels > kLargestTable) {
    fail_unsupported("Col2Im of {} elements", taps * places);
  }
  std::vector<int64_t> index;  // of each element; those in the border go behind the image
  Sizes tap(axes, 0);
  for (int64_t k = 0; k < taps; ++k, advance(tap, block)) {
    Sizes window(axes, 0);
    for (int64_t l = 0; l < places; ++l, advance(window, windows)) {
      int64_t at = 0;
      bool inside = true;
      for (size_t i = 0; i < axes; ++i) {
        const int64_t p = window[i] * w.stride[i] + tap[i] * w.dilation[i] - w.begin[i];
        inside = inside && p >= 0 && p < image[i];
        at = at * image[i] + p;
      }
      index.push_back(inside ? at : pixels);
    }
  }
  const int64_t channels = x[1].value() / taps;
  const Ref columns = call.add(Reshape{.shape = {0, channels, -1}}, {call.tensor(0)});
  const Dim count{std::vector<int64_t>(x[0].seen.size(), channels)};
  const Dim room{std::vector<int64_t>(x[0].seen.size(), pixels + 1)};
  const Ref zeros = zeros_of(call, {x[0], count, room}, call.type(columns).dtype);
  Ref y = Aten(call,
               "aten::index_add(Tensor self, int dim, Tensor index, Tensor source, *, Scalar "
               "alpha=1) -> Tensor")
              .input(zeros)
              .integer(2)
              .input(call.add(Constant{Tensor::i64({taps * places}, std::move(index))}, {}))
              .input(columns)
              .integer(1)
              .like();
  y = call.add(Slice{.axis = 2, .end = pixels}, {y});
  Sizes shape{0, channels};
  shape.insert(shape.end(), image.begin(), image.end());
  return {call.add(Reshape{.shape = shape}, {y})};
}

// x, weight, offsets [N, groups · taps · 2, h, w], bias, mask [N, groups · taps, h, w]: each tap of
// each window is read where its offset says, between the elements.
OnnxResult deform_conv(OnnxCall& call) {
  const Ref x = call.tensor(0), offset = call.tensor(2);
  const Shape weight = call.type(call.tensor(1)).shape;
  const Dims sizes = call.sizes(0), out = call.sizes(2);
  if (weight.size() != 4 || sizes.size() != 4 || out.size() != 4) {
    fail_unsupported("DeformConv over other than 2 axes");
  }
  const Window w = read_window(call, {weight[2], weight[3]});
  for (const auto& list : {sizes, out}) {
    for (size_t i = 1; i < 4; ++i) {
      if (list[i].varies()) call.fix({list[i]});
    }
  }
  const int64_t groups = call.integer("offset_group", 1), taps = weight[2] * weight[3];
  const int64_t channels = sizes[1].value(), rows = out[2].value(), columns = out[3].value();
  if (groups < 1 || channels % groups != 0 || out[1].value() != 2 * groups * taps) {
    fail_user("{} offsets for {} groups and {} taps", out[1].value(), groups, taps);
  }
  const auto part = [&](Ref of, int64_t axis, int64_t begin, int64_t end) {
    return call.add(Slice{.axis = axis, .begin = begin, .end = end}, {of});
  };
  // Where tap (i) of each window lies along an axis without offsets, as grid_sampler counts.
  const auto place = [&](Ref moved, int64_t axis, int64_t tap) {
    const auto k = static_cast<size_t>(axis);
    const int64_t count = axis == 0 ? rows : columns;
    const auto size = static_cast<double>(sizes[k + 2].value());
    Tensor base(DType::kF32, axis == 0 ? Shape{count, 1} : Shape{count});
    for (int64_t i = 0; i < count; ++i) {
      base.set(i, static_cast<double>(i * w.stride[k] + tap * w.dilation[k] - w.begin[k]));
    }
    Ref p = call.add(Binary{BinaryFn::kAdd},
                     {moved, call.cast(call.add(Constant{base}, {}), call.type(moved).dtype)});
    p = call.with_number(BinaryFn::kAdd, call.with_number(BinaryFn::kMul, p, 2 / size),
                         1 / size - 1);
    return p;  // [N, 1, h, w]
  };
  std::vector<Ref> sampled;  // by group, [N, C / groups, taps, h, w]
  for (int64_t g = 0; g < groups; ++g) {
    const Ref own = part(x, 1, g * channels / groups, (g + 1) * channels / groups);
    std::vector<Ref> read;
    for (int64_t t = 0; t < taps; ++t) {
      const int64_t at = g * taps + t;
      const Ref y = place(part(offset, 1, 2 * at, 2 * at + 1), 0, t / weight[3]);
      const Ref z = place(part(offset, 1, 2 * at + 1, 2 * at + 2), 1, t % weight[3]);
      const Ref grid = call.add(Squeeze{.axes = {1}}, {call.add(Stack{.axis = 4}, {z, y})});
      TensorType type = call.type(own);
      type.shape[2] = rows;
      type.shape[3] = columns;
      Ref value = Aten(call,
                       "aten::grid_sampler_2d(Tensor input, Tensor grid, int interpolation_mode, "
                       "int padding_mode, bool align_corners) -> Tensor")
                      .input(own)
                      .input(grid)
                      .integer(0)
                      .integer(0)
                      .flag(false)
                      .give({type})[0];
      if (call.given(4)) {
        value = call.binary(BinaryFn::kMul, value, part(call.tensor(4), 1, at, at + 1));
      }
      read.push_back(value);
    }
    sampled.push_back(call.add(Stack{.axis = 2}, read));
  }
  Ref y = sampled.size() == 1 ? sampled[0] : call.add(Concat{.axis = 1}, sampled);
  y = call.add(Flatten{.first = 1, .last = 2}, {y});
  const Ref kernel =
      call.add(Reshape{.shape = {weight[0], weight[1] * taps, 1, 1}}, {call.tensor(1)});
  std::vector<Ref> in{y, kernel};
  if (call.given(3)) in.push_back(call.tensor(3));
  return {call.add(Conv{.groups = call.integer("group", 1)}, in)};
}

}  // namespace rung::ops
