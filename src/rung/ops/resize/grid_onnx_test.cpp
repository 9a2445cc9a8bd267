// RoiAlign by maxima, from a file: its results next to a direct computation, its gradients next to
// finite differences.
//
//   x [2, 2, 7, 6] ── RoiAlign(max, 2 × 3 cells of 2 × 2 samples) ── y [3, 2, 2, 3]
//   rois [3, 4] ─────────┘
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>
#include <onnx/onnx_pb.h>
#include <torch/torch.h>

#include <array>

#include "rung/base/file.h"
#include "rung/base/temp_folder.h"
#include "rung/exec/eager/module.h"
#include "rung/io/onnx/import.h"

namespace rung {
namespace {

constexpr int64_t kRows = 2, kColumns = 3, kSamples = 2, kHeight = 7, kWidth = 6;
constexpr std::array<int64_t, 3> kImages = {0, 1, 1};

constexpr const char* kFile = R"(ir_version: 8 opset_import { domain: "" version: 17 } graph {
  node { op_type: "RoiAlign" input: "x" input: "rois" input: "images" output: "y"
    attribute { name: "mode" type: STRING s: "max" }
    attribute { name: "coordinate_transformation_mode" type: STRING s: "half_pixel" }
    attribute { name: "output_height" type: INT i: 2 }
    attribute { name: "output_width" type: INT i: 3 }
    attribute { name: "sampling_ratio" type: INT i: 2 }
    attribute { name: "spatial_scale" type: FLOAT f: 0.5 } }
  initializer { name: "images" data_type: 7 dims: 3 int64_data: 0 int64_data: 1 int64_data: 1 }
  input { name: "x" type { tensor_type { elem_type: 11 shape {
    dim { dim_value: 2 } dim { dim_value: 2 } dim { dim_value: 7 } dim { dim_value: 6 } } } } }
  input { name: "rois" type { tensor_type { elem_type: 11 shape {
    dim { dim_value: 3 } dim { dim_value: 4 } } } } }
  output { name: "y" type { tensor_type { elem_type: 11 } } } })";

Module network() {
  onnx::ModelProto proto;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(kFile, &proto));
  const TempFolder folder;
  write_file(folder / "roi.onnx", proto.SerializeAsString());
  Module net(load_onnx(folder / "roi.onnx"));
  net->eval();
  return net;
}

/// Boxes within the image, over its edge, and far outside of it.
at::Tensor boxes() {
  return torch::tensor({{1.1, 2.3, 9.2, 11.7}, {-5.3, -4.1, 6.2, 7.9}, {7.7, 8.9, 19.3, 30.1}},
                       at::kDouble);
}

struct Corner {
  int64_t at;
  double weight;
};
std::array<Corner, 2> corners(double place, int64_t size) {
  if (place < -1 || place > static_cast<double>(size)) return {{{0, 0}, {0, 0}}};
  const double inside = std::clamp(place, 0.0, static_cast<double>(size - 1));
  const auto front = static_cast<int64_t>(inside);
  const double part = inside - static_cast<double>(front);
  return {{{front, 1 - part}, {std::min(front + 1, size - 1), part}}};
}

double cell(const at::Tensor& map, const at::Tensor& box, int64_t row, int64_t column) {
  const auto edge = [&](int64_t i) { return box[i].item<double>() * 0.5 - 0.5; };
  const auto place = [&](int64_t i, int64_t cell, int64_t sample, int64_t cells) {
    const double step = (edge(i + 2) - edge(i)) / static_cast<double>(cells);
    return edge(i) + step * (static_cast<double>(cell) +
                             (static_cast<double>(sample) + 0.5) / static_cast<double>(kSamples));
  };
  double most = -1e30;
  for (int64_t i = 0; i < kSamples; ++i) {
    for (int64_t j = 0; j < kSamples; ++j) {
      for (const Corner& down : corners(place(1, row, i, kRows), kHeight)) {
        for (const Corner& across : corners(place(0, column, j, kColumns), kWidth)) {
          const auto value = map[down.at][across.at].item<double>();
          most = std::max(most, value * down.weight * across.weight);
        }
      }
    }
  }
  return most;
}

TEST(RoiAlignByMaxima, TakesTheGreatestWeighedElement) {
  torch::manual_seed(3);
  const at::Tensor x = torch::randn({2, 2, kHeight, kWidth}, at::kDouble), rois = boxes();
  const at::Tensor y = network()->forward(std::vector<at::Tensor>{x, rois})[0];
  ASSERT_EQ(y.sizes(), at::IntArrayRef({3, 2, kRows, kColumns}));
  for (int64_t r = 0; r < 3; ++r) {
    for (int64_t c = 0; c < 2; ++c) {
      for (int64_t i = 0; i < kRows; ++i) {
        for (int64_t j = 0; j < kColumns; ++j) {
          const double expected = cell(x[kImages[static_cast<size_t>(r)]][c], rois[r], i, j);
          EXPECT_NEAR(y[r][c][i][j].item<double>(), expected, 1e-12) << r << c << i << j;
        }
      }
    }
  }
}

TEST(RoiAlignByMaxima, HasTheGradientsOfFiniteDifferences) {
  torch::manual_seed(4);
  Module net = network();
  const std::vector<at::Tensor> in = {
      torch::randn({2, 2, kHeight, kWidth}, at::kDouble).set_requires_grad(true),
      boxes().set_requires_grad(true)};
  const at::Tensor weights = torch::randn({3, 2, kRows, kColumns}, at::kDouble);
  const auto loss = [&](const at::Tensor& x, const at::Tensor& rois) {
    return (net->forward(std::vector<at::Tensor>{x, rois})[0] * weights).sum();
  };
  const auto gradients = torch::autograd::grad(std::vector<at::Tensor>{loss(in[0], in[1])}, in);
  const at::NoGradGuard no_grad;
  constexpr double kStep = 1e-6;
  for (size_t k = 0; k < in.size(); ++k) {
    EXPECT_GT(gradients[k].abs().max().item<double>(), 0);
    const at::Tensor along = torch::randn_like(in[k]);
    const auto moved = [&](double step) {
      return k == 0 ? loss(in[0] + along * step, in[1]) : loss(in[0], in[1] + along * step);
    };
    const double slope = (moved(kStep) - moved(-kStep)).item<double>() / (2 * kStep);
    EXPECT_NEAR((gradients[k] * along).sum().item<double>(), slope, 1e-6 * (1 + std::abs(slope)));
  }
}

}  // namespace
}  // namespace rung
