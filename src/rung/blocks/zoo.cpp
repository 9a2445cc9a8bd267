#include "rung/blocks/zoo.h"

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/blocks/decoder.h"
#include "rung/blocks/densenet.h"
#include "rung/blocks/encoder.h"
#include "rung/blocks/mlp.h"
#include "rung/blocks/resnet.h"
#include "rung/blocks/sequence.h"
#include "rung/blocks/skip_connection.h"
#include "rung/blocks/skip_net.h"
#include "rung/blocks/transformer.h"
#include "rung/blocks/unet.h"

namespace rung {
namespace {

using blocks::ImageSize;
using Kind = ZooSetting::Kind;

constexpr int64_t kMostWidth = 65536;  ///< channels, features
constexpr int64_t kMostClasses = 1000000;
constexpr int64_t kMostPixels = 16384;   ///< along one axis
constexpr int64_t kMostSteps = 1000000;  ///< along time
constexpr int64_t kMostLayers = 1000;
constexpr int64_t kMostWeights = int64_t{1} << 31;

ZooSetting number(std::string name, std::string doc, int64_t value, int64_t low, int64_t high) {
  return {.kind = Kind::kNumber,
          .name = std::move(name),
          .doc = std::move(doc),
          .value = std::to_string(value),
          .low = low,
          .high = high};
}

ZooSetting width(std::string name, std::string doc, int64_t value) {
  return number(std::move(name), std::move(doc), value, 1, kMostWidth);
}

ZooSetting size(ImageSize value, int64_t low = 1) {
  return {.kind = Kind::kSize,
          .name = "size",
          .doc = "height x width that it is planned at; it runs at others too",
          .value = value.height == value.width ? std::to_string(value.height)
                                               : fmt::format("{}x{}", value.height, value.width),
          .low = low,
          .high = kMostPixels};
}

ZooSetting choice(std::string name, std::string doc, std::vector<std::string> choices,
                  size_t value) {
  return {.kind = Kind::kChoice,
          .name = std::move(name),
          .doc = std::move(doc),
          .value = choices.at(value),
          .choices = std::move(choices)};
}

const std::vector<std::string> kNoYes = {"no", "yes"};

// One function per kind of network: its settings stand beside the options that they fill.

ZooNetwork skip_block(std::string name, std::string doc, Model (*build)(const ZooValues&)) {
  const blocks::SkipBlockOptions defaults;
  return {std::move(name),
          std::move(doc),
          {width("in", "channels of the input", defaults.in),
           width("out", "channels of the result", defaults.out), size(defaults.size)},
          build};
}

blocks::SkipBlockOptions skip_block_options(const ZooValues& v) {
  return {.in = v.number("in"), .out = v.number("out"), .size = v.size("size")};
}

ZooNetwork skip_rnn() {
  const blocks::SkipRnnOptions defaults;
  return {
      "skip_connection_rnn",
      "LSTM whose sequence is followed by one more step, a linear layer of its last one",
      {width("input", "features of a step", defaults.input),
       width("hidden", "features of the LSTM", defaults.hidden),
       number("time", "steps that it is planned at", defaults.time, 1, kMostSteps)},
      [](const ZooValues& v) {
        return blocks::skip_connection_rnn(
            {.input = v.number("input"), .hidden = v.number("hidden"), .time = v.number("time")});
      }};
}

ZooNetwork skip_net() {
  const blocks::SkipNetOptions defaults;
  return {"skip_net",
          "deep classifier of small images made of skip connection blocks",
          {choice("block", "what a block does with its input", {"add", "concat", "none"},
                  static_cast<size_t>(defaults.block)),
           number("depth", "layers with weights on the main path, even", defaults.depth, 4,
                  kMostLayers),
           width("width", "channels of the first third of the blocks", defaults.width),
           width("in", "channels of the image", defaults.in),
           number("classes", "classes to tell apart", defaults.classes, 1, kMostClasses),
           choice("norm", "a batch norm behind every block", kNoYes, defaults.norm ? 1 : 0),
           size(defaults.size)},
          [](const ZooValues& v) {
            return blocks::skip_net({.block = static_cast<blocks::SkipKind>(v.choice("block")),
                                     .depth = v.number("depth"),
                                     .width = v.number("width"),
                                     .in = v.number("in"),
                                     .classes = v.number("classes"),
                                     .norm = v.choice("norm") == 1,
                                     .size = v.size("size")});
          }};
}

template <int64_t depth>
Model build_resnet(const ZooValues& v) {
  return blocks::resnet({.depth = depth,
                         .in = v.number("in"),
                         .classes = v.number("classes"),
                         .size = v.size("size")});
}

template <int64_t depth>
Model build_resnet_encoder(const ZooValues& v) {
  return blocks::resnet(
      {.depth = depth, .in = v.number("in"), .classes = 0, .size = v.size("size")});
}

Model build_densenet(const ZooValues& v) {
  return blocks::densenet121(
      {.in = v.number("in"), .classes = v.number("classes"), .size = v.size("size")});
}

Model build_densenet_encoder(const ZooValues& v) {
  return blocks::densenet121({.in = v.number("in"), .classes = 0, .size = v.size("size")});
}

/// A network of torchvision: with its classifier, or as an encoder without.
ZooNetwork vision(std::string name, std::string doc, bool classifier, int64_t least_size,
                  Model (*build)(const ZooValues&)) {
  ZooNetwork out{std::move(name), std::move(doc), {width("in", "channels of the image", 3)}, build};
  if (classifier) {
    out.settings.push_back(number("classes", "classes to tell apart", 1000, 1, kMostClasses));
  }
  out.settings.push_back(size(ImageSize{}, least_size));
  return out;
}

ZooNetwork unet() {
  const blocks::UNetOptions defaults;
  return {"unet",
          "U-Net for images of any size",
          {width("in", "channels of the image", defaults.in),
           width("base", "channels at full size; they double at every level", defaults.base),
           number("levels", "how often the size is halved", defaults.levels, 1, 8),
           number("classes", "channels of the result", defaults.classes, 1, kMostWidth),
           size(defaults.size)},
          [](const ZooValues& v) {
            return blocks::unet({.in = v.number("in"),
                                 .base = v.number("base"),
                                 .levels = v.number("levels"),
                                 .classes = v.number("classes"),
                                 .size = v.size("size")});
          }};
}

ZooNetwork encoder() {
  const blocks::EncoderOptions defaults;
  return {"encoder",
          "small convolutional encoder to join: stage1 ... stageN, each half the size",
          {width("in", "channels of the image", defaults.in),
           width("base", "channels of stage1; they double at every stage", defaults.base),
           number("stages", "number of stages", defaults.stages, 1, 8), size(defaults.size)},
          [](const ZooValues& v) {
            return blocks::encoder({.in = v.number("in"),
                                    .base = v.number("base"),
                                    .stages = v.number("stages"),
                                    .size = v.size("size")});
          }};
}

ZooNetwork decoder() {
  const blocks::DecoderOptions defaults;
  return {"decoder",
          "decoder to join, without skips: up1 ... upN, each twice the size, then head",
          {width("in", "channels of its input", defaults.in),
           number("levels", "how often it doubles the size", defaults.levels, 1, 8),
           width("width", "channels of up1; halved at every level, at least 16", defaults.width),
           number("classes", "channels of the result", defaults.classes, 1, kMostWidth),
           choice("upsample", "nearest neighbour, or a transposed convolution",
                  {"resize", "transpose"}, static_cast<size_t>(defaults.upsample)),
           size(defaults.size)},
          [](const ZooValues& v) {
            return blocks::decoder({.in = v.number("in"),
                                    .levels = v.number("levels"),
                                    .width = v.number("width"),
                                    .classes = v.number("classes"),
                                    .upsample = static_cast<blocks::Upsample>(v.choice("upsample")),
                                    .size = v.size("size")});
          }};
}

ZooNetwork token_transformer() {
  const blocks::TokenTransformerOptions defaults;
  return {"token_transformer",
          "transformer on image patches; its tokens are the result unless classes is set",
          {width("in", "channels of the image", defaults.in),
           number("patch", "pixels of a patch's side", defaults.patch, 1, kMostPixels),
           width("width", "features of a token", defaults.width),
           number("layers", "transformer layers", defaults.layers, 1, kMostLayers),
           number("heads", "attention heads; they divide the width", defaults.heads, 1, 1024),
           choice("position", "a learned position embedding", kNoYes, defaults.position ? 1 : 0),
           choice("class_token", "one more token in front", kNoYes, defaults.class_token ? 1 : 0),
           number("classes", "0: tokens; otherwise classes to tell apart", defaults.classes, 0,
                  kMostClasses),
           size(defaults.size)},
          [](const ZooValues& v) {
            return blocks::token_transformer({.in = v.number("in"),
                                              .patch = v.number("patch"),
                                              .width = v.number("width"),
                                              .layers = v.number("layers"),
                                              .heads = v.number("heads"),
                                              .position = v.choice("position") == 1,
                                              .class_token = v.choice("class_token") == 1,
                                              .classes = v.number("classes"),
                                              .size = v.size("size")});
          }};
}

ZooNetwork lstm() {
  const blocks::LstmOptions defaults;
  return {"lstm",
          "LSTM with a linear head on its last step: forecaster or classifier of sequences",
          {width("in", "features of a step", defaults.in),
           width("hidden", "features of the LSTM", defaults.hidden),
           number("layers", "LSTM layers", defaults.layers, 1, 64),
           number("out", "numbers to forecast, or classes", defaults.out, 1, kMostClasses),
           number("time", "steps that it is planned at", defaults.time, 1, kMostSteps)},
          [](const ZooValues& v) {
            return blocks::lstm({.in = v.number("in"),
                                 .hidden = v.number("hidden"),
                                 .layers = v.number("layers"),
                                 .out = v.number("out"),
                                 .time = v.number("time")});
          }};
}

ZooNetwork mlp() {
  const blocks::MlpOptions defaults;
  return {"mlp",
          "linear layers with ReLU between",
          {number("in", "features of a sample", defaults.in, 1, kMostClasses),
           width("width", "features of the hidden layers", defaults.width),
           number("hidden", "number of hidden layers", defaults.hidden, 0, kMostLayers),
           number("out", "features of the result, or classes", defaults.out, 1, kMostClasses)},
          [](const ZooValues& v) {
            return blocks::mlp({.in = v.number("in"),
                                .width = v.number("width"),
                                .hidden = v.number("hidden"),
                                .out = v.number("out")});
          }};
}

int64_t weight_count(const Graph& graph) {
  int64_t total = 0;
  for (const NodeId id : graph.params()) total += graph.type({id, 0}).elements();
  return total;
}

}  // namespace

const std::vector<ZooNetwork>& zoo_networks() {
  static const std::vector<ZooNetwork> networks = {
      skip_block(
          "skip_connection_block", "two convolutions, plus the projected input",
          [](const ZooValues& v) { return blocks::skip_connection_block(skip_block_options(v)); }),
      skip_block("skip_connection_block_concat",
                 "two convolutions and the input as it is, concatenated, then projected",
                 [](const ZooValues& v) {
                   return blocks::skip_connection_block_concat(skip_block_options(v));
                 }),
      skip_rnn(),
      skip_net(),
      vision("resnet18", "torchvision's ResNet-18", true, 1, build_resnet<18>),
      vision("resnet34", "torchvision's ResNet-34", true, 1, build_resnet<34>),
      vision("resnet50", "torchvision's ResNet-50", true, 1, build_resnet<50>),
      vision("densenet121", "torchvision's DenseNet-121", true, 29, build_densenet),
      vision("resnet18_encoder", "ResNet-18 up to layer4", false, 1, build_resnet_encoder<18>),
      vision("resnet34_encoder", "ResNet-34 up to layer4", false, 1, build_resnet_encoder<34>),
      vision("resnet50_encoder", "ResNet-50 up to layer4", false, 1, build_resnet_encoder<50>),
      vision("densenet121_encoder", "DenseNet-121 up to its last features", false, 29,
             build_densenet_encoder),
      unet(),
      encoder(),
      decoder(),
      token_transformer(),
      lstm(),
      mlp(),
  };
  return networks;
}

Model zoo(const std::string& name, const ZooSettings& settings) {
  std::vector<std::string> names;
  for (const ZooNetwork& network : zoo_networks()) {
    names.push_back(network.name);
    if (network.name != name) continue;
    Model model = network.build(ZooValues(name, network.settings, settings));
    const int64_t weights = weight_count(model.graph);
    if (weights > kMostWeights) {
      fail_user("zoo:{} with these settings has {} weights; more than {} are surely a mistake",
                name, with_unit(static_cast<double>(weights)),
                with_unit(static_cast<double>(kMostWeights)));
    }
    return model;
  }
  fail_user("there is no built-in network {}; nearest: {}\n  all of them: {}", quoted(name),
            join(nearest(name, names), ", "), join(names, ", "));
}

}  // namespace rung
