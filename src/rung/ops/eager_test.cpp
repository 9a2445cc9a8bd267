// Every op of the list, on random attributes and inputs: what the shape rule predicts is what runs,
// the same bits every time, and gradients are those of finite differences.
#include "rung/ops/eager.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "rung/ops/every_op_eager.h"

namespace rung {
namespace {

using ops::Case;
using ops::describe;
using ops::draw_all;
using ops::Gradient;
using ops::kGenerators;

constexpr uint64_t kCasesPerOp = 60;

/// Runs on copies (running statistics change), with the same random numbers every time.
std::vector<at::Tensor> run_once(const Case& c, const std::vector<at::Tensor>& in) {
  std::vector<at::Tensor> copies;
  for (const auto& tensor : in) copies.push_back(tensor.requires_grad() ? tensor : tensor.clone());
  torch::manual_seed(1);
  return run(c.op, copies, {.training = c.training});
}

void expect_text_round_trip(const Case& c) {
  EXPECT_EQ(parse_op(to_string(c.op)), c.op);
  EXPECT_EQ(op_from_json(to_json(c.op)), c.op);
}

void expect_predicted_types(const Case& c, const std::vector<at::Tensor>& in) {
  std::vector<TensorType> types;
  for (const auto& input : c.inputs) types.push_back(input.type);
  const auto predicted = infer(c.op, types);
  const auto out = run_once(c, in);
  ASSERT_EQ(out.size(), predicted.size());
  for (size_t i = 0; i < out.size(); ++i) {
    EXPECT_EQ(type_text(out[i]),
              std::string(name(predicted[i].dtype)) + to_string(predicted[i].shape));
  }
  const auto again = run_once(c, in);
  for (size_t i = 0; i < out.size(); ++i) {
    const auto bits = [](const at::Tensor& t) { return t.nan_to_num(-77); };
    EXPECT_TRUE(at::equal(bits(out[i]), bits(again[i]))) << "output " << i << " differs in a rerun";
  }
}

/// Σ r · y over all floating outputs, r fixed: one number whose gradient reaches every element.
at::Tensor loss(const Case& c, const std::vector<at::Tensor>& in) {
  at::Tensor total = at::zeros({}, at::kDouble);
  double phase = 0.3;
  for (const auto& y : run_once(c, in)) {
    if (!y.is_floating_point()) continue;
    const auto weights = at::arange(y.numel(), at::kDouble).mul(0.7).add(phase).cos();
    total = total + (y.to(at::kDouble).reshape(-1) * weights).sum();
    phase += 1;
  }
  return total;
}

/// The derivative of the loss when `x` (one of `in`) moves along `direction`.
double difference(const Case& c, std::vector<at::Tensor> in, size_t x,
                  const at::Tensor& direction) {
  constexpr double kStep = 1e-5;
  const at::Tensor centre = in[x];
  in[x] = centre + direction * kStep;
  const double above = loss(c, in).item<double>();
  in[x] = centre - direction * kStep;
  const double below = loss(c, in).item<double>();
  return (above - below) / (2 * kStep);
}

void expect_gradient(const Case& c, const std::vector<at::Tensor>& in, size_t x,
                     const at::Tensor& gradient, Rng& rng) {
  ASSERT_TRUE(gradient.isfinite().all().item<bool>()) << "input " << x;
  const auto check = [&](const at::Tensor& direction, const std::string& what) {
    const double expected = difference(c, in, x, direction);
    const double actual = (gradient * direction).sum().item<double>();
    EXPECT_NEAR(actual, expected, 2e-5 * (1 + std::abs(expected))) << "input " << x << what;
  };
  constexpr int64_t kElements = 12;
  const int64_t count = gradient.numel();
  for (int64_t i = 0; i < std::min(count, kElements); ++i) {
    const int64_t element = count <= kElements ? i : rng.integer(0, count - 1);
    at::Tensor direction = at::zeros({count}, at::kDouble);
    direction[element] = 1;
    check(direction.view_as(gradient), " element " + std::to_string(element));
  }
  check(at::arange(count, at::kDouble).cos().view_as(gradient), " along a direction");
}

void expect_gradients(const Case& c, const std::vector<at::Tensor>& drawn, Rng& rng) {
  std::vector<at::Tensor> in, leaves;
  std::vector<size_t> places;
  for (size_t i = 0; i < drawn.size(); ++i) {
    const bool floating = drawn[i].is_floating_point();
    in.push_back(floating ? drawn[i].to(at::kDouble) : drawn[i]);
    if (!floating || !c.inputs[i].trainable) continue;
    places.push_back(i);
  }
  std::vector<at::Tensor> tracked = in;
  for (const size_t i : places) {
    tracked[i] = in[i].clone().set_requires_grad(true);
    leaves.push_back(tracked[i]);
  }
  const at::Tensor total = loss(c, tracked);
  ASSERT_EQ(total.requires_grad(), c.gradient != Gradient::kCut);
  if (c.gradient != Gradient::kSmooth) return;
  const auto gradients = torch::autograd::grad({total}, leaves);
  for (size_t k = 0; k < places.size(); ++k) {
    expect_gradient(c, in, places[k], gradients[k], rng);
  }
}

class EveryOp : public testing::TestWithParam<size_t> {};

TEST_P(EveryOp, RunsAsPredictedAndDifferentiates) {
  for (uint64_t seed = 0; seed < kCasesPerOp; ++seed) {
    Rng rng(seed, "eager");
    const Case c = kGenerators[GetParam()](rng);
    SCOPED_TRACE("seed " + std::to_string(seed) + ": " + describe(c));
    ASSERT_NO_THROW({
      const auto in = draw_all(c, rng);
      expect_text_round_trip(c);
      expect_predicted_types(c, in);
      expect_gradients(c, in, rng);
    });
    if (HasFailure()) return;
  }
}

// As torch.nn.functional.interpolate on maps that are not channels-last; its gradient, and its
// forward pass on those that are, take other elements by factors that keep or double a size without
// being 1 or 2. LibTorch 2.x does so everywhere: there the others alone are compared. A trace of
// such a factor is compared with what it gives, and refused.
TEST(ResizeEager, NearestByFactorTakesPyTorchsElements) {
  const auto column = at::arange(5, at::kFloat).view({1, 1, 5, 1});
  const auto kept = at::upsample_nearest2d(column, c10::nullopt, std::vector<double>{1.01, 3});
  const bool has_shortcuts = at::equal(kept.select(3, 0), column.select(3, 0));
  Rng rng(7);
  int compared = 0;
  for (int i = 0; i < 300; ++i) {
    const at::Tensor x = at::arange(3 * 5 * 7, at::kFloat).view({1, 3, 5, 7});
    const std::vector<double> factors = {rng.uniform(0.3, 4), rng.uniform(0.3, 4)};
    const auto y = run(ops::Resize{.scale = factors}, {x}, {});
    const auto takes_shortcut = [&](int64_t axis) {
      return y[0].size(axis) == x.size(axis) || y[0].size(axis) == 2 * x.size(axis);
    };
    if (has_shortcuts && (takes_shortcut(2) || takes_shortcut(3))) continue;
    ++compared;
    EXPECT_TRUE(at::equal(y[0], at::upsample_nearest2d(x, c10::nullopt, factors)))
        << factors[0] << " " << factors[1];
  }
  EXPECT_GE(compared, 200);
}

INSTANTIATE_TEST_SUITE_P(Eager, EveryOp, testing::Range<size_t>(0, kGenerators.size()),
                         ops::alternative_name);

}  // namespace
}  // namespace rung
