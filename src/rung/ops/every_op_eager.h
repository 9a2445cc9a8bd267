#pragma once

// Every op of the list with random attributes and inputs, for tests that run them all.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <array>

#include "rung/ops/dtype_eager.h"
#include "rung/ops/eager_cases.h"

namespace rung::ops {

template <size_t I>
Case case_of(Rng& rng) {
  using T = std::variant_alternative_t<I, Op>;
  return random_case(For<T>{}, rng);
}
inline constexpr size_t kLeaves = 3;  // Input, Param and Constant stand first, and do not run
inline constexpr auto kGenerators = []<size_t... I>(std::index_sequence<I...>) {
  return std::array{&case_of<I + kLeaves>...};
}
(std::make_index_sequence<std::variant_size_v<Op> - kLeaves>());

inline std::string describe(const Case& c) {
  std::string text = to_string(c.op) + (c.training ? " in training" : "") + " of";
  for (const auto& input : c.inputs) text += " " + to_string(input.type.shape);
  return text;
}

inline at::Tensor draw(const CaseInput& input, Rng& rng) {
  at::Tensor values = at::empty(input.type.shape, at::kDouble);
  const int64_t count = values.numel();
  auto* data = values.data_ptr<double>();
  for (int64_t i = 0; i < count; ++i) {
    switch (input.draw) {
      case Draw::kNormal:
        data[i] = rng.normal();
        break;
      case Draw::kPositive:
        data[i] = rng.uniform(0.5, 2);
        break;
      case Draw::kUnit:
        data[i] = rng.uniform(-1, 1);
        break;
      case Draw::kSpread:
        data[i] = 0.1 * static_cast<double>(i - count / 2) + 0.033;
        break;
      case Draw::kWhole:
        data[i] = static_cast<double>(rng.integer(input.low, input.high));
        break;
    }
  }
  for (int64_t i = count - 1; i > 0 && input.draw == Draw::kSpread; --i) {
    std::swap(data[i], data[rng.integer(0, i)]);
  }
  return values.to(to_torch(input.type.dtype));
}

inline std::vector<at::Tensor> draw_all(const Case& c, Rng& rng) {
  std::vector<at::Tensor> out;
  for (const auto& input : c.inputs) out.push_back(draw(input, rng));
  return out;
}

/// The op's name, for INSTANTIATE_TEST_SUITE_P over the generators' places.
inline std::string alternative_name(const testing::TestParamInfo<size_t>& info) {
  constexpr auto kNames = []<size_t... I>(std::index_sequence<I...>) {
    return std::array{std::variant_alternative_t<I + kLeaves, Op>::kName...};
  }
  (std::make_index_sequence<kGenerators.size()>());
  return std::string(kNames[info.param]);
}

}  // namespace rung::ops
