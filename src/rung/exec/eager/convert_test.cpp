#include "rung/exec/eager/convert.h"

#include <torch/torch.h>

#include "rung/base/expect_error.h"
#include "rung/ops/dtype_eager.h"

namespace rung {
namespace {

TEST(Convert, KeepsEveryTypeBothWays) {
  for (const auto& info : kDTypes) {
    if (torch_has(info.dtype)) {
      EXPECT_EQ(from_torch(to_torch(info.dtype)), info.dtype);
      continue;
    }
    EXPECT_TRUE(is_float8(info.dtype) || is_wide_unsigned(info.dtype)) << info.name;
    const auto said = error_of(ErrorKind::kUnsupported, [&] { to_torch(info.dtype); });
    EXPECT_EQ(said, "tensors of " + std::string(info.name) +
                        " need LibTorch 2.3 or newer, and this is LibTorch " TORCH_VERSION);
  }
  EXPECT_EQ(error_of(ErrorKind::kUnsupported, [] { from_torch(at::kComplexFloat); }),
            "tensors of LibTorch's type ComplexFloat are not supported");
}

TEST(Convert, SharesMemoryInBothDirections) {
  const Tensor ours = Tensor::f32({2, 3}, {0, 1, 2, 3, 4, 5});
  const at::Tensor theirs = to_torch(ours);
  EXPECT_EQ(theirs.sizes(), at::IntArrayRef({2, 3}));
  theirs[1][2] = 50;
  EXPECT_EQ(ours.at(5), 50);

  const at::Tensor source = at::arange(6, at::kDouble);
  const Tensor seen = from_torch(source);
  EXPECT_EQ(seen.dtype(), DType::kF64);
  source[4] = -1;
  EXPECT_EQ(seen.at(4), -1);
}

TEST(Convert, GivesBackTheVeryTensor) {
  const at::Tensor weight = at::ones({2, 2}).set_requires_grad(true);
  const Tensor ours = from_torch(weight);
  EXPECT_TRUE(is_from_torch(ours));
  EXPECT_TRUE(to_torch(ours).is_same(weight));
  EXPECT_FALSE(is_from_torch(ours.clone()));
}

TEST(Convert, OutlivesTheTensorThatItCameFrom) {
  at::Tensor theirs;
  {
    const Tensor ours = Tensor::i64({3}, {7, 8, 9});
    theirs = to_torch(ours);
  }
  EXPECT_EQ(theirs.sum().item<int64_t>(), 24);
}

TEST(Convert, ReadsStridedAndRetypedTensorsRowByRow) {
  const at::Tensor strided = at::arange(6, at::kFloat).view({2, 3}).t();
  const Tensor ours = from_torch(strided);
  EXPECT_EQ(ours.shape(), (Shape{3, 2}));
  EXPECT_EQ(ours.at(1), 3);
  EXPECT_TRUE(to_torch(ours).is_same(strided));

  at::Tensor weight = at::full({2}, 1.5f);
  const Tensor before = from_torch(weight);
  weight.set_data(weight.to(at::kDouble) * 2);  // what torch::nn::Module::to does
  EXPECT_EQ(before.dtype(), DType::kF32);
  EXPECT_EQ(before.as<float>()[1], 3.0f);
}

TEST(Convert, EmptyAndScalar) {
  EXPECT_EQ(to_torch(Tensor(DType::kF32, {0, 3})).sizes(), at::IntArrayRef({0, 3}));
  EXPECT_EQ(from_torch(at::zeros({0, 3})).shape(), (Shape{0, 3}));
  EXPECT_EQ(from_torch(at::scalar_tensor(2.5)).at(0), 2.5);
  EXPECT_EQ(to_torch(Tensor::f32({}, {4})).item<float>(), 4);
}

TEST(Convert, RefusesWhatRungLacks) {
  EXPECT_EQ(user_error([] { from_torch(at::Tensor()); }), "an undefined tensor has no type");
  EXPECT_EQ(error_of(ErrorKind::kUnsupported, [] { from_torch(at::eye(2).to_sparse()); }),
            "sparse and other special tensors are not supported; make it dense first");
}

}  // namespace
}  // namespace rung
