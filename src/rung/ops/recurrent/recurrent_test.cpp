#include "rung/ops/recurrent/recurrent.h"

#include "rung/ops/infer_cases.h"

namespace rung::ops {
namespace {

// x, then the weights in PyTorch's order.
std::vector<TensorType> operands(const Recurrent& op, TensorType x) {
  const int64_t rows = gate_count(op.cell) * op.hidden;
  const int64_t directions = op.bidirectional ? 2 : 1;
  const int64_t features = x.shape.back();
  std::vector<TensorType> in = {std::move(x)};
  for (int64_t layer = 0; layer < op.layers; ++layer) {
    for (int64_t direction = 0; direction < directions; ++direction) {
      in.push_back(weight_type({rows, layer == 0 ? features : directions * op.hidden}));
      in.push_back(weight_type({rows, op.hidden}));
      if (op.bias) in.insert(in.end(), 2, weight_type({rows}));
    }
  }
  return in;
}

TEST(RecurrentRule, LstmGivesSequenceAndBothStates) {
  const Recurrent op{.hidden = 20};
  const auto out = outputs(op, operands(op, sequence_type({1, 100, 10})));
  const Roles state = {Role::kNone, Role::kBatch, Role::kFeature};
  EXPECT_EQ(out, (std::vector<TensorType>{sequence_type({1, 100, 20}),
                                          {DType::kF32, {1, 1, 20}, state},
                                          {DType::kF32, {1, 1, 20}, state}}));
}

TEST(RecurrentRule, LayersAndDirectionsWidenSequenceAndState) {
  const Recurrent op{.cell = Cell::kGru,
                     .hidden = 5,
                     .layers = 3,
                     .bidirectional = true,
                     .batch_first = false,
                     .bias = false};
  const TensorType x(DType::kF32, {7, 2, 4}, {Role::kTime, Role::kBatch, Role::kFeature});
  const auto in = operands(op, x);
  ASSERT_EQ(in.size(), 13u);
  const auto out = outputs(op, in);
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(out[0], TensorType(DType::kF32, {7, 2, 10}, x.roles));
  EXPECT_EQ(out[1].shape, (Shape{6, 2, 5}));
  // 15 rows: the first layer reads 4 and 5, the two others 10 and 5, each in 2 directions.
  EXPECT_EQ(macs(op, in, out), int64_t{7} * 2 * 2 * 15 * (9 + 15 + 15));
}

TEST(RecurrentRule, NamesTheAxesOfAnInputOfUnknownRoles) {
  Recurrent op{.cell = Cell::kRnnTanh, .hidden = 3};
  EXPECT_EQ(outputs(op, operands(op, weight_type({2, 5, 4})))[0], sequence_type({2, 5, 3}));
  op.batch_first = false;
  EXPECT_EQ(outputs(op, operands(op, weight_type({5, 2, 4})))[0].roles,
            (Roles{Role::kTime, Role::kBatch, Role::kFeature}));
}

TEST(RecurrentRule, TakesAStateBehindX) {
  const Recurrent op{.hidden = 3, .has_state = true};
  std::vector<TensorType> in = operands(op, sequence_type({2, 5, 4}));
  in.insert(in.begin() + 1, 2, weight_type({1, 2, 3}));
  EXPECT_EQ(outputs(op, in).size(), 3u);
  in[2] = weight_type({2, 1, 3});
  EXPECT_EQ(refusal(op, in),
            "Recurrent: c0 must be [1, 2, 3] (layers x directions, batch, hidden), it is "
            "[2, 1, 3]");
}

TEST(RecurrentRule, SaysWhatDoesNotFit) {
  const Recurrent op{.hidden = 3, .layers = 2, .bidirectional = true};
  const std::vector<TensorType> good = operands(op, sequence_type({2, 5, 4}));
  std::vector<TensorType> in = good;
  in.pop_back();
  EXPECT_EQ(refusal(op, in),
            "Recurrent: takes 17 inputs (x, 4 weights and biases for each of 2 layers in 2 "
            "directions), got 16");
  in = good;
  in[13] = weight_type({12, 4});
  EXPECT_EQ(refusal(op, in),
            "Recurrent: weight_ih_l1_reverse must be [12, 6] (gates x hidden, width of the layer "
            "before), it is [12, 4]");
  in = good;
  in[0] = sequence_type({2, 0, 4});
  EXPECT_EQ(refusal(op, in), "Recurrent: x f32[N, 0, 4] has no time steps");
  in[0] = weight_type({2, 5});
  EXPECT_EQ(refusal(op, in), "Recurrent: x must be [N, T, I] (rank 3), it is f32[2, 5] (rank 2)");
}

TEST(RecurrentRule, RefusesAbsurdAttributes) {
  const std::vector<TensorType> in = {sequence_type({2, 5, 4})};
  EXPECT_EQ(refusal(Recurrent{.hidden = 0}, in), "Recurrent: hidden 0 must be at least 1");
  EXPECT_EQ(refusal(Recurrent{.hidden = 1, .layers = INT64_MAX}, in),
            "the sizes 9223372036854775807 x 4 do not fit 64 bits");
  const Recurrent wide{.hidden = INT64_MAX};
  const std::vector<TensorType> five(5, in[0]);
  EXPECT_EQ(refusal(wide, five), "the sizes 4 x 9223372036854775807 do not fit 64 bits");
  EXPECT_EQ(refusal(Recurrent{.hidden = 1, .dropout = 2}, in),
            "Recurrent: dropout 2 must lie between 0 and 1");
}

}  // namespace
}  // namespace rung::ops
