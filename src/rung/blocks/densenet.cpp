#include "rung/blocks/densenet.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

namespace rung::blocks {
namespace {

constexpr int64_t kGrowth = 32;
constexpr int64_t kBottleneck = 4;  ///< conv1 is this many times the growth wide
constexpr std::array<int64_t, 4> kLayers = {6, 12, 24, 16};

/// Drawn as kaiming_normal_ with its defaults (fan in).
Value dense_conv(Builder& b, const std::string& name, Value x, int64_t out, int64_t kernel,
                 int64_t stride = 1) {
  ConvOptions options = kaiming_conv(out, kernel, stride);
  const auto fan_in = static_cast<double>(b.type(x).shape.at(1) * kernel * kernel);
  options.weight_init_value = std::sqrt(2 / fan_in);
  return b.conv(name, x, options);
}

Value dense_layer(Builder& b, const std::vector<Value>& features) {
  Value x = features.size() == 1 ? features.front() : b.concat("concat", features);
  x = b.relu("relu1", b.batch_norm("norm1", x));
  x = dense_conv(b, "conv1", x, kBottleneck * kGrowth, 1);
  x = b.relu("relu2", b.batch_norm("norm2", x));
  return dense_conv(b, "conv2", x, kGrowth, 3);
}

Value dense_block(Builder& b, Value x, int64_t layers) {
  std::vector<Value> features = {x};
  for (int64_t i = 1; i <= layers; ++i) {
    const auto scope = b.scope(fmt::format("denselayer{}", i));
    features.push_back(dense_layer(b, features));
  }
  return b.concat("concat", features);
}

Value transition(Builder& b, Value x) {
  const int64_t half = b.type(x).shape.at(1) / 2;
  x = b.relu("relu", b.batch_norm("norm", x));
  return b.avg_pool("pool", dense_conv(b, "conv", x, half, 1), 2, 2);
}

Value features(Builder& b, Value x) {
  const auto scope = b.scope("features");
  x = dense_conv(b, "conv0", x, 2 * kGrowth, 7, 2);
  x = b.relu("relu0", b.batch_norm("norm0", x));
  x = b.max_pool("pool0", x, 3, 2, 1);
  for (size_t block = 0; block < kLayers.size(); ++block) {
    {
      const auto inner = b.scope(fmt::format("denseblock{}", block + 1));
      x = dense_block(b, x, kLayers[block]);
    }
    if (block + 1 == kLayers.size()) break;
    const auto inner = b.scope(fmt::format("transition{}", block + 1));
    x = transition(b, x);
  }
  return b.batch_norm("norm5", x);
}

}  // namespace

Model densenet121(const DenseNetOptions& options) {
  Builder b;
  Value x = image_input(b, "input", options.in, options.size);
  x = b.relu("relu", features(b, x));
  if (options.classes > 0) {
    x = b.flatten("flatten", b.adaptive_pool("avgpool", x, {1, 1}));
    const int64_t width = b.type(x).shape.at(1);
    const ops::Param weight = {.shape = {options.classes, width},
                               .init = ops::InitKind::kUniform,
                               .value = 1 / std::sqrt(static_cast<double>(width))};
    x = b.add("classifier", ops::Linear{},
              {x, b.param("classifier.weight", weight),
               b.param("classifier.bias", {.shape = {options.classes}})});
  }
  b.output("output", x);
  return std::move(b).finish();
}

}  // namespace rung::blocks
