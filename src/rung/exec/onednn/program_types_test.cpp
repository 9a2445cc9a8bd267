// Programs convert every type to every other without LibTorch, and move elements of all of them.
#include <gtest/gtest.h>

#include <cmath>

#include "rung/base/rng.h"
#include "rung/exec/onednn/program.h"
#include "rung/tensor/float8.h"

namespace rung {
namespace {

/// x [2, 3] -> ops -> y, run on x.
Tensor result(const Tensor& x, const std::vector<Op>& ops) {
  Model model;
  Value value{model.graph.add("x", ops::Input{.type = {x.dtype(), x.shape()}}, {}), 0};
  for (size_t i = 0; i < ops.size(); ++i) {
    value = {model.graph.add("op" + std::to_string(i), ops[i], {value}), 0};
  }
  model.graph.add_output("y", value);
  return compile(model, {.threads = 1, .measure = false, .cache = {}}).run({x})[0];
}

Tensor counting(DType dtype) {
  Tensor x(dtype, {2, 3});
  for (int64_t i = 0; i < 6; ++i) x.set(i, static_cast<double>(i));
  return x;
}

TEST(ProgramTypes, ConvertEveryTypeToEveryOther) {
  for (const auto& from : kDTypes) {
    const Tensor x = counting(from.dtype);
    for (const auto& to : kDTypes) {
      const Tensor y = result(x, {ops::Cast{to.dtype}});
      ASSERT_EQ(y.dtype(), to.dtype);
      for (int64_t i = 0; i < 6; ++i) {
        const bool flag = from.dtype == DType::kBool || to.dtype == DType::kBool;
        EXPECT_EQ(y.at(i), flag ? (i != 0 ? 1 : 0) : static_cast<double>(i))
            << from.name << " to " << to.name;
      }
    }
  }
}

TEST(ProgramTypes, RoundTo8BitFloats) {
  Rng rng(2);
  Tensor x(DType::kF32, {40, 50});
  for (float& number : x.as<float>()) number = static_cast<float>(std::pow(rng.normal(), 9) * 50);
  for (const auto& to : kDTypes) {
    if (!is_float8(to.dtype)) continue;
    const Tensor y = result(x, {ops::Cast{to.dtype}});
    for (int64_t i = 0; i < x.elements(); ++i) {
      const auto expected = float_to_float8(static_cast<float>(x.at(i)), to.dtype);
      EXPECT_EQ(y.as<uint8_t>()[static_cast<size_t>(i)], expected) << x.at(i) << to.name;
    }
  }
}

TEST(ProgramTypes, MoveElementsOfEveryType) {
  for (const auto& type : kDTypes) {
    const Tensor x = counting(type.dtype);
    const Tensor y =
        result(x, {ops::Transpose{.order = {1, 0}}, ops::Slice{.axis = 0, .begin = 1}});
    ASSERT_EQ(y.shape(), (Shape{2, 2}));
    const int64_t places[] = {1, 4, 2, 5};
    for (int64_t i = 0; i < 4; ++i) EXPECT_EQ(y.at(i), x.at(places[i])) << type.name;
  }
}

}  // namespace
}  // namespace rung
