#include "rung/base/error.h"
#include "rung/ops/pool/pool_onnx.h"

namespace rung::ops {
namespace {

/// The sizes of a node's input, which the graph then holds at.
Shape fixed_sizes(OnnxCall& call, size_t i) {
  Shape out;
  for (const Dim& size : call.sizes(i)) {
    if (size.varies()) call.fix({size});
    out.push_back(size.value());
  }
  return out;
}

int64_t product(const Shape& shape, size_t from) {
  int64_t out = 1;
  for (size_t i = from; i < shape.size(); ++i) out *= shape[i];
  return out;
}

}  // namespace

OnnxResult max_pool_with_places(OnnxCall& call) {
  const Window w = pool_window(call);
  const size_t axes = w.kernel.size();
  const Shape shape = fixed_sizes(call, 0);
  const bool ceil = call.integer("ceil_mode", 0) != 0;
  if (w.begin != w.end) fail_unsupported("the places of MaxPool with unequal padding");
  const Ref x = call.tensor(0);
  // The sizes that Pool's rule gives.
  const Ref plain = call.add(Pool{.kind = PoolKind::kMax,
                                  .kernel = w.kernel,
                                  .stride = w.stride,
                                  .padding = w.begin,
                                  .dilation = w.dilation,
                                  .ceil_mode = ceil},
                             {x});
  const TensorType values = call.type(plain);
  TensorType places = values;
  places.dtype = DType::kI64;
  const auto out = Aten(call, fmt::format("aten::max_pool{}d_with_indices(Tensor self, int[] "
                                          "kernel_size, int[] stride, int[] padding, int[] "
                                          "dilation, bool ceil_mode) -> (Tensor, Tensor)",
                                          axes))
                       .input(x)
                       .integers(w.kernel)
                       .integers(w.stride)
                       .integers(w.begin)
                       .integers(w.dilation)
                       .flag(ceil)
                       .give({values, places});
  Ref index = out[1];  // within a plane, rows first
  const int64_t plane = product(shape, 2);
  if (call.integer("storage_order", 0) != 0) {  // columns first
    if (axes != 2) fail_unsupported("storage_order over {} axes", axes);
    const auto width = static_cast<double>(shape[3]);
    const Ref column = call.with_number(BinaryFn::kRemainder, index, width);
    const Ref whole = call.binary(BinaryFn::kSub, index, column);  // row · width
    const Ref row = call.cast(
        call.with_number(BinaryFn::kDiv, call.cast(whole, DType::kF64), width), DType::kI64);
    index = call.binary(BinaryFn::kAdd, row,
                        call.with_number(BinaryFn::kMul, column, static_cast<double>(shape[2])));
  }
  Shape planes{shape[0], shape[1]};
  planes.resize(shape.size(), 1);
  std::vector<int64_t> begins;
  for (int64_t i = 0; i < shape[0] * shape[1]; ++i) begins.push_back(i * plane);
  index = call.add(Binary{BinaryFn::kAdd},
                   {index, call.add(Constant{Tensor::i64(planes, std::move(begins))}, {})});
  return {out[0], index};
}

// values, their places through the whole result, its sizes
OnnxResult max_unpool(OnnxCall& call) {
  const Window w = pool_window(call);
  const Shape from = fixed_sizes(call, 0);
  Shape to{from[0], from[1]};
  for (size_t i = 0; i < w.kernel.size(); ++i) {
    to.push_back((from[i + 2] - 1) * w.stride[i] + w.kernel[i] - w.begin[i] - w.end[i]);
    if (to.back() < 1) fail_user("MaxUnpool to {}", to_string(to));
  }
  const auto flat = [&](Ref x) { return call.add(Reshape{.shape = {-1}}, {x}); };
  const Ref zeros = call.add(Expand{.shape = {product(to, 0)}},
                             {call.scalar(0, call.type(call.tensor(0)).dtype)});
  const Ref y =
      Aten(call, "aten::scatter.src(Tensor self, int dim, Tensor index, Tensor src) -> Tensor")
          .input(zeros)
          .integer(0)
          .input(flat(call.cast(call.tensor(1), DType::kI64)))
          .input(flat(call.tensor(0)))
          .like();
  const Ref image = call.add(Reshape{.shape = Sizes(to.begin(), to.end())}, {y});
  if (!call.given(2)) return {image};
  const Sizes size = call.integers(2);  // what is larger is zero
  Pad op{.begin = Sizes(to.size(), 0), .end = {}};
  if (size.size() != to.size()) fail_user("output_shape {} of {}", to_string(size), to_string(to));
  for (size_t i = 0; i < to.size(); ++i) op.end.push_back(size[i] - to[i]);
  return {call.add(op, {image})};
}

}  // namespace rung::ops
