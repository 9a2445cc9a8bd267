#include "rung/graph/builder.h"

#include <cmath>

#include "rung/base/error.h"
#include "rung/base/text.h"

namespace rung {
namespace {

// One number serves every axis.
ops::Sizes spread(const ops::Sizes& sizes, size_t axes) {
  return sizes.size() == 1 ? ops::Sizes(axes, sizes[0]) : sizes;
}

ops::Param uniform(Shape shape, double fan_in) {
  return {.shape = std::move(shape),
          .init = ops::InitKind::kUniform,
          .value = fan_in > 0 ? 1 / std::sqrt(fan_in) : 0};
}

double kernel_elements(const ops::Sizes& kernel) {
  double count = 1;
  for (const int64_t k : kernel) count *= static_cast<double>(k);
  return count;
}

}  // namespace

Builder::Scope::Scope(Builder& builder, const std::string& name)
    : builder_(builder), size_(builder.prefix_.size()) {
  builder_.prefix_ += name + '.';
}

Value Builder::input(const std::string& name, TensorType type) {
  return add(name, ops::Input{.type = std::move(type)}, {});
}

Value Builder::input(const std::string& name, Shape shape) {
  const size_t rank = shape.size();
  return input(name, TensorType(DType::kF32, std::move(shape), roles_by_rank(rank)));
}

void Builder::output(const std::string& name, Value value) { graph_.add_output(name, value); }

Model Builder::finish(std::string model_name) && {
  return Model{std::move(graph_), {}, std::move(model_name)};
}

Value Builder::add(const std::string& name, Op op, std::vector<Value> inputs) {
  return {graph_.add(prefix_ + name, std::move(op), std::move(inputs), skip_), 0};
}

Value Builder::param(const std::string& name, ops::Param param) {
  return add(name, std::move(param), {});
}

Value Builder::constant(const std::string& name, Tensor value) {
  return add(name, ops::Constant{std::move(value)}, {});
}

Value Builder::scalar(const std::string& name, double value) {
  return constant(name, Tensor::f32({}, {static_cast<float>(value)}));
}

namespace {

// The input's channels divided among groups; 0 lets the op's own rule explain what is wrong.
int64_t channels_per_group(const TensorType& x, int64_t groups) {
  return x.rank() > 1 && groups > 0 ? x.shape[1] / groups : 0;
}

}  // namespace

Value Builder::conv(const std::string& name, Value x, const ConvOptions& options) {
  const size_t axes = type(x).rank() > 2 ? type(x).rank() - 2 : options.kernel.size();
  const ops::Sizes kernel = spread(options.kernel, axes);
  const int64_t in = channels_per_group(type(x), options.groups);
  const double fan_in = static_cast<double>(in) * kernel_elements(kernel);
  Shape shape{options.out, in};
  shape.insert(shape.end(), kernel.begin(), kernel.end());
  ops::Param weight = uniform(std::move(shape), fan_in);
  if (options.weight_init) {
    weight.init = *options.weight_init;
    weight.value = options.weight_init_value;
  }
  std::vector<Value> inputs{x, param(name + ".weight", std::move(weight))};
  if (options.bias) inputs.push_back(param(name + ".bias", uniform({options.out}, fan_in)));
  return add(name,
             ops::Conv{.stride = spread(options.stride, axes),
                       .padding = spread(options.padding, axes),
                       .dilation = spread(options.dilation, axes),
                       .groups = options.groups,
                       .pad_mode = options.pad_mode},
             std::move(inputs));
}

Value Builder::conv_transpose(const std::string& name, Value x, const ConvOptions& options) {
  const size_t axes = type(x).rank() > 2 ? type(x).rank() - 2 : options.kernel.size();
  const ops::Sizes kernel = spread(options.kernel, axes);
  const int64_t out = options.groups > 0 ? options.out / options.groups : 0;
  // PyTorch takes the fan-in from the weight's second axis, which here counts output channels.
  const double fan_in = static_cast<double>(out) * kernel_elements(kernel);
  Shape shape{type(x).rank() > 1 ? type(x).shape[1] : 0, out};
  shape.insert(shape.end(), kernel.begin(), kernel.end());
  std::vector<Value> inputs{x, param(name + ".weight", uniform(std::move(shape), fan_in))};
  if (options.bias) inputs.push_back(param(name + ".bias", uniform({options.out}, fan_in)));
  return add(name,
             ops::ConvTranspose{.stride = spread(options.stride, axes),
                                .padding = spread(options.padding, axes),
                                .output_padding = spread(options.output_padding, axes),
                                .dilation = spread(options.dilation, axes),
                                .groups = options.groups},
             std::move(inputs));
}

Value Builder::linear(const std::string& name, Value x, int64_t out, bool bias) {
  const int64_t in = type(x).rank() > 0 ? type(x).shape.back() : 0;
  std::vector<Value> inputs{x,
                            param(name + ".weight", uniform({out, in}, static_cast<double>(in)))};
  if (bias) inputs.push_back(param(name + ".bias", uniform({out}, static_cast<double>(in))));
  return add(name, ops::Linear{}, std::move(inputs));
}

std::vector<Value> Builder::norm_weights(const std::string& name, Value x, Shape shape,
                                         bool running, ops::InitKind weight) {
  std::vector<Value> inputs{x, param(name + ".weight", {.shape = shape, .init = weight}),
                            param(name + ".bias", {.shape = shape})};
  if (running) {
    inputs.push_back(param(name + ".running_mean", {.shape = shape, .buffer = true}));
    inputs.push_back(param(name + ".running_var",
                           {.shape = shape, .init = ops::InitKind::kOnes, .buffer = true}));
  }
  return inputs;
}

namespace {
Shape channel_shape(const TensorType& x) { return {x.rank() > 1 ? x.shape[1] : 0}; }
}  // namespace

Value Builder::batch_norm(const std::string& name, Value x, double eps, double momentum) {
  return add(name, ops::BatchNorm{.eps = eps, .momentum = momentum},
             norm_weights(name, x, channel_shape(type(x)), true));
}

Value Builder::zero_batch_norm(const std::string& name, Value x) {
  return add(name, ops::BatchNorm{},
             norm_weights(name, x, channel_shape(type(x)), true, ops::InitKind::kZeros));
}

Value Builder::layer_norm(const std::string& name, Value x, int64_t axes, double eps) {
  const Shape& shape = type(x).shape;
  const auto rank = static_cast<int64_t>(shape.size());
  const int64_t kept = std::max<int64_t>(0, rank - std::max<int64_t>(axes, 0));
  return add(name, ops::LayerNorm{.axes = axes, .eps = eps},
             norm_weights(name, x, Shape(shape.begin() + kept, shape.end()), false));
}

Value Builder::group_norm(const std::string& name, Value x, int64_t groups, double eps) {
  return add(name, ops::GroupNorm{.groups = groups, .eps = eps},
             norm_weights(name, x, channel_shape(type(x)), false));
}

Value Builder::instance_norm(const std::string& name, Value x, bool affine, double eps) {
  return add(name, ops::InstanceNorm{.eps = eps, .affine = affine},
             affine ? norm_weights(name, x, channel_shape(type(x)), false) : std::vector<Value>{x});
}

Value Builder::lstm(const std::string& name, Value x, const RecurrentOptions& options) {
  return recurrent(name, ops::Cell::kLstm, x, options);
}
Value Builder::gru(const std::string& name, Value x, const RecurrentOptions& options) {
  return recurrent(name, ops::Cell::kGru, x, options);
}
Value Builder::rnn(const std::string& name, Value x, const RecurrentOptions& options,
                   ops::Cell cell) {
  return recurrent(name, cell, x, options);
}

Value Builder::recurrent(const std::string& name, ops::Cell cell, Value x,
                         const RecurrentOptions& options) {
  const int64_t rows = ops::gate_count(cell) * options.hidden;
  const auto fan = static_cast<double>(options.hidden);
  std::vector<Value> inputs{x};
  int64_t width = type(x).rank() > 0 ? type(x).shape.back() : 0;
  for (int64_t layer = 0; layer < options.layers; ++layer) {
    for (int direction = 0; direction < (options.bidirectional ? 2 : 1); ++direction) {
      const std::string suffix = fmt::format("_l{}{}", layer, direction == 1 ? "_reverse" : "");
      const auto weight = [&](const char* kind, Shape shape) {
        inputs.push_back(param(name + "." + kind + suffix, uniform(std::move(shape), fan)));
      };
      weight("weight_ih", {rows, width});
      weight("weight_hh", {rows, options.hidden});
      if (options.bias) {
        weight("bias_ih", {rows});
        weight("bias_hh", {rows});
      }
    }
    width = options.hidden * (options.bidirectional ? 2 : 1);
  }
  return add(name,
             ops::Recurrent{.cell = cell,
                            .hidden = options.hidden,
                            .layers = options.layers,
                            .bidirectional = options.bidirectional,
                            .batch_first = options.batch_first,
                            .bias = options.bias,
                            .dropout = options.dropout},
             std::move(inputs));
}

Value Builder::embedding(const std::string& name, Value indices, int64_t rows, int64_t features) {
  const Value table = param(
      name + ".weight", {.shape = {rows, features}, .init = ops::InitKind::kNormal, .value = 1});
  return add(name, ops::Embedding{}, {indices, table});
}

Value Builder::unary(const std::string& name, ops::UnaryFn fn, Value x) {
  return add(name, ops::Unary{fn}, {x});
}
Value Builder::binary(const std::string& name, ops::BinaryFn fn, Value a, Value b) {
  return add(name, ops::Binary{fn}, {a, b});
}
Value Builder::concat(const std::string& name, std::vector<Value> parts, int64_t axis) {
  return add(name, ops::Concat{.axis = axis}, std::move(parts));
}

namespace {
size_t space_axes(const TensorType& x) { return x.rank() > 2 ? x.rank() - 2 : 1; }
}  // namespace

Value Builder::max_pool(const std::string& name, Value x, int64_t kernel, int64_t stride,
                        int64_t padding, bool ceil_mode) {
  const size_t axes = space_axes(type(x));
  return add(name,
             ops::Pool{.kind = ops::PoolKind::kMax,
                       .kernel = ops::Sizes(axes, kernel),
                       .stride = ops::Sizes(axes, stride),
                       .padding = ops::Sizes(axes, padding),
                       .ceil_mode = ceil_mode},
             {x});
}

Value Builder::avg_pool(const std::string& name, Value x, int64_t kernel, int64_t stride,
                        int64_t padding) {
  const size_t axes = space_axes(type(x));
  return add(name,
             ops::Pool{.kind = ops::PoolKind::kAverage,
                       .kernel = ops::Sizes(axes, kernel),
                       .stride = ops::Sizes(axes, stride),
                       .padding = ops::Sizes(axes, padding)},
             {x});
}

Value Builder::adaptive_pool(const std::string& name, Value x, ops::Sizes size,
                             ops::PoolKind kind) {
  return add(name, ops::AdaptivePool{.kind = kind, .size = std::move(size)}, {x});
}

Value Builder::flatten(const std::string& name, Value x, int64_t first, int64_t last) {
  return add(name, ops::Flatten{.first = first, .last = last}, {x});
}

Value Builder::dropout(const std::string& name, Value x, double p) {
  return add(name, ops::Dropout{.p = p}, {x});
}

}  // namespace rung
