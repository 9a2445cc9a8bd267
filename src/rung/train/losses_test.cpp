#include "rung/train/losses.h"

#include <torch/torch.h>

#include <algorithm>
#include <numeric>

#include "rung/base/expect_error.h"
#include "rung/base/rng.h"
#include "rung/train/confusion.h"

namespace rung {
namespace {

struct Case {
  at::Tensor logits, truth;
};

/// Two images of three classes, with pixels that are not counted.
Case drawn(uint64_t seed, bool exclusive, bool map = true) {
  torch::manual_seed(seed);
  const std::vector<int64_t> space = map ? std::vector<int64_t>{3, 4} : std::vector<int64_t>{};
  std::vector<int64_t> all = {2, 3}, labels = {2};
  all.insert(all.end(), space.begin(), space.end());
  labels.insert(labels.end(), space.begin(), space.end());
  const at::Tensor logits = torch::randn(all, at::kDouble);
  if (exclusive) return {logits, torch::randint(map ? -1 : 0, 3, labels, at::kLong)};
  return {logits, torch::randint(map ? -1 : 0, 2, all, at::kLong).to(at::kDouble)};
}

/// What the loss of one kind says by its definition, pixel by pixel.
double by_definition(const LossTerm& term, const Case& c) {
  const bool exclusive = c.truth.dim() == c.logits.dim() - 1;
  const int64_t n = c.logits.size(0), k = c.logits.size(1);
  const at::Tensor x = c.logits.reshape({n, k, -1});
  const at::Tensor p = exclusive ? x.softmax(1) : x.sigmoid();
  const at::Tensor truth = exclusive ? c.truth.reshape({n, -1}) : c.truth.reshape({n, k, -1});
  const int64_t m = x.size(2);
  double sum = 0, count = 0, overlaps = 0;
  std::vector<std::vector<std::pair<double, int>>> errors(static_cast<size_t>(k));
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < k; ++j) {
      double hit = 0, said = 0, there = 0;
      for (int64_t q = 0; q < m; ++q) {
        const auto label = exclusive ? truth[i][q].item<int64_t>()
                                     : static_cast<int64_t>(truth[i][j][q].item<double>());
        if (label < 0) continue;
        const double t = exclusive ? (label == j ? 1 : 0) : static_cast<double>(label);
        const double share = p[i][j][q].item<double>();
        hit += share * t;
        said += share;
        there += t;
        errors[static_cast<size_t>(j)].emplace_back(std::abs(t - share), static_cast<int>(t));
        if (exclusive && t == 0) continue;
        const double right = t == 1 ? share : 1 - share;
        sum -= std::log(right) * (term.kind == "focal" ? std::pow(1 - right, term.gamma) : 1);
        count += 1;
      }
      overlaps +=
          term.kind == "dice"
              ? 1 - (2 * hit + 1) / (said + there + 1)
              : 1 - (hit + 1) / (hit + term.alpha * (said - hit) + term.beta * (there - hit) + 1);
    }
  }
  if (term.kind == "dice" || term.kind == "tversky") return overlaps / static_cast<double>(n * k);
  if (term.kind != "lovasz") return sum / count;
  double lovasz = 0, classes = 0;
  for (auto& list : errors) {
    // The loss of a set of wrong pixels is 1 - intersection / union once they are turned round.
    const int there = std::accumulate(list.begin(), list.end(), 0,
                                      [](int s, const auto& e) { return s + e.second; });
    if (there == 0) continue;
    std::sort(list.rbegin(), list.rend());
    double before = 0, value = 0;
    int missed = 0, wrong = 0;
    for (const auto& [error, t] : list) {
      (t == 1 ? missed : wrong) += 1;
      const double loss = 1 - static_cast<double>(there - missed) / (there + wrong);
      value += error * (loss - before);
      before = loss;
    }
    lovasz += value;
    classes += 1;
  }
  return lovasz / classes;
}

TEST(Losses, AreTheirDefinitions) {
  for (const auto& kind : class_loss_kinds()) {
    for (uint64_t seed = 0; seed < 8; ++seed) {
      for (const bool exclusive : {true, false}) {
        for (const bool map : {true, false}) {
          const Case c = drawn(seed, exclusive, map);
          const LossTerm term{.kind = kind, .gamma = 1.5, .alpha = 0.4, .beta = 0.9};
          const at::Tensor loss = class_loss({.terms = {term}}, {c.logits, c.truth});
          EXPECT_NEAR(loss.item<double>(), by_definition(term, c), 1e-9)
              << kind << " seed " << seed << (exclusive ? " exclusive" : " overlapping");
        }
      }
    }
  }
}

TEST(Losses, GradientsAreThoseOfFiniteDifferences) {
  constexpr double kStep = 1e-6;
  for (const auto& kind : class_loss_kinds()) {
    for (const bool exclusive : {true, false}) {
      const Case c = drawn(11, exclusive);
      const LossOptions options{.terms = {{.kind = kind, .weight = 0.7}},
                                .class_weights = {0.5, 1, 2},
                                .label_smoothing = kind == "cross_entropy" ? 0.1 : 0};
      const at::Tensor x = c.logits.clone().requires_grad_();
      class_loss(options, {x, c.truth}).backward();
      const at::Tensor gradient = x.grad().flatten();
      for (int64_t i = 0; i < gradient.numel(); ++i) {
        const auto at_step = [&](double step) {
          const at::Tensor moved = c.logits.clone();
          moved.view(-1)[i] += step;
          return class_loss(options, {moved, c.truth}).item<double>();
        };
        EXPECT_NEAR(gradient[i].item<double>(), (at_step(kStep) - at_step(-kStep)) / (2 * kStep),
                    1e-6)
            << kind << " at " << i;
      }
    }
  }
}

TEST(Losses, WhatIsNotCountedHasNoGradient) {
  for (const auto& kind : class_loss_kinds()) {
    for (const bool exclusive : {true, false}) {
      Case c = drawn(3, exclusive);
      const at::Tensor x = c.logits.clone().requires_grad_();
      class_loss({.terms = {{.kind = kind}}}, {x, c.truth}).backward();
      const at::Tensor ignored =
          exclusive ? c.truth.lt(0).unsqueeze(1).expand_as(x) : c.truth.lt(0);
      EXPECT_EQ(x.grad().masked_select(ignored).abs().max().item<double>(), 0) << kind;
      const at::Tensor none = at::full_like(c.truth, -1);
      EXPECT_TRUE(at::isfinite(class_loss({.terms = {{.kind = kind}}}, {x, none})).item<bool>());
    }
  }
}

TEST(Losses, CrossEntropyIsPyTorchs) {
  namespace F = torch::nn::functional;
  const Case c = drawn(5, true);
  const at::Tensor weights = torch::tensor({0.5, 1.0, 3.0}, at::kDouble);
  const at::Tensor expected = F::cross_entropy(
      c.logits, c.truth, F::CrossEntropyFuncOptions().weight(weights).ignore_index(-1));
  EXPECT_EQ(class_loss({.terms = {{.kind = "cross_entropy"}}, .class_weights = {0.5, 1, 3}},
                       {c.logits, c.truth})
                .item<double>(),
            expected.item<double>());
}

TEST(Losses, SayWhatTheyLack) {
  const Case c = drawn(1, true);
  EXPECT_EQ(user_error([&] {
              class_loss({.terms = {{.kind = "hinge"}}}, {c.logits, c.truth});
            }),
            "loss 'hinge' is not known; it is one of cross_entropy, dice, focal, lovasz, tversky");
  EXPECT_EQ(
      user_error([&] {
        class_loss({.terms = {{.kind = "dice"}}, .class_weights = {1, 2}}, {c.logits, c.truth});
      }),
      "there are 2 class weights and 3 classes");
  EXPECT_EQ(user_error([&] {
              class_loss({.terms = {{.kind = "dice", .weight = 0}}}, {c.logits, c.truth});
            }),
            "the loss has no term with a weight");
}

TEST(Losses, OfNumbers) {
  const at::Tensor a = torch::tensor({0.0, 3.0}), b = torch::tensor({0.5, 0.0});
  const auto loss = [&](const LossTerm& term) {
    return number_loss({.terms = {term}}, a, b).item<double>();
  };
  EXPECT_NEAR(loss({.kind = "mse"}), (0.25 + 9) / 2, 1e-6);
  EXPECT_NEAR(loss({.kind = "mae"}), 3.5 / 2, 1e-6);
  EXPECT_NEAR(loss({.kind = "huber", .delta = 2}), (0.125 + 2 * (3 - 1)) / 2, 1e-6);
}

TEST(Losses, ProbabilitiesAreTrainedAsTheirLogits) {
  const Case c = drawn(9, true);
  const at::Tensor x = c.logits.to(at::kFloat).requires_grad_();
  const auto gradient = [&](const at::Tensor& output, OutputForm form) {
    x.mutable_grad() = at::Tensor();
    class_loss({.terms = {{.kind = "cross_entropy"}}}, {as_logits(output, form), c.truth})
        .backward();
    return x.grad().clone();
  };
  const at::Tensor expected = gradient(x * 1, OutputForm::kLogits);
  EXPECT_TRUE(at::allclose(gradient(x.softmax(1), OutputForm::kSoftmax), expected, 1e-4, 1e-6));
  EXPECT_TRUE(
      at::allclose(gradient(x.log_softmax(1), OutputForm::kLogSoftmax), expected, 1e-4, 1e-6));
  const Case o = drawn(9, false);
  const at::Tensor p = as_logits(o.logits.sigmoid(), OutputForm::kSigmoid);
  EXPECT_TRUE(at::allclose(p, o.logits.to(at::kFloat), 1e-4, 1e-5));
}

// --- what is measured

TEST(Confusion, FiguresOfExclusiveClasses) {
  Confusion confusion({"a", "b", "c"}, true);
  const at::Tensor truth = torch::tensor({0, 0, 1, 1, 1, -1}, at::kLong);
  const at::Tensor found = torch::tensor({0, 1, 1, 1, 0, 2}, at::kLong);
  confusion.add(found, truth);
  EXPECT_EQ(confusion.of(0).hits, 1);
  EXPECT_EQ(confusion.of(0).wrong, 1);
  EXPECT_EQ(confusion.of(0).missed, 1);
  EXPECT_DOUBLE_EQ(confusion.of(1).iou(), 2.0 / 4);
  EXPECT_DOUBLE_EQ(confusion.of(1).dice(), 4.0 / 6);
  EXPECT_DOUBLE_EQ(confusion.mean(&Confusion::Counts::iou), (1.0 / 3 + 0.5) / 2)
      << "c is neither there nor found";
  EXPECT_DOUBLE_EQ(confusion.accuracy(), 3.0 / 5);
  const auto json = confusion.to_json();
  EXPECT_EQ(json["confusion"].dump(), "[[1,1,0],[1,2,0],[0,0,0]]");
  EXPECT_EQ(json["classes"][1]["count"], 3);
}

TEST(Confusion, FiguresOfOverlappingClasses) {
  Confusion confusion({"a", "b"}, false);
  const at::Tensor truth = torch::tensor({1., 0., 1., -1.}).view({2, 2});
  const at::Tensor found = torch::tensor({true, true, false, true}).view({2, 2});
  confusion.add(found, truth);  // sample 0: a found and there, b found and not; sample 1: a missed
  EXPECT_EQ(confusion.of(0).hits, 1);
  EXPECT_EQ(confusion.of(0).missed, 1);
  EXPECT_EQ(confusion.of(1).wrong, 1);
  EXPECT_DOUBLE_EQ(confusion.accuracy(), 1.0 / 3);
}

TEST(Confusion, AreaUnderTheCurveIsTheChanceToScoreHigher) {
  Rng rng(4);
  std::vector<float> scores;
  std::vector<uint8_t> truth;
  for (int i = 0; i < 60; ++i) {
    scores.push_back(static_cast<float>(rng.integer(0, 9)) / 10);
    truth.push_back(rng.integer(0, 2) == 0 ? 1 : 0);
  }
  double won = 0, pairs = 0;
  for (size_t i = 0; i < truth.size(); ++i) {
    for (size_t j = 0; j < truth.size(); ++j) {
      if (truth[i] == 0 || truth[j] == 1) continue;
      pairs += 1;
      won += scores[i] > scores[j] ? 1 : scores[i] == scores[j] ? 0.5 : 0;
    }
  }
  const at::Tensor is_yes = torch::tensor(truth).to(at::kBool);
  EXPECT_NEAR(roc_auc(torch::tensor(scores), is_yes), won / pairs, 1e-12);
  EXPECT_TRUE(std::isnan(roc_auc(torch::tensor({0.5f}), torch::tensor({true}))));
}

}  // namespace
}  // namespace rung
