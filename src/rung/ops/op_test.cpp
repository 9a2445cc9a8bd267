#include "rung/ops/op.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "rung/base/expect_error.h"
#include "rung/base/rng.h"

namespace rung {
namespace {

using nlohmann::json;

constexpr int64_t kLastType = static_cast<int64_t>(kDTypes.size()) - 1;

/// Both written forms read back as the same text; values compare by text, where NaN equals NaN.
void expect_round_trip(const Op& op) {
  const std::string text = to_string(op);
  EXPECT_EQ(to_string(parse_op(text)), text);
  EXPECT_EQ(parse_op(text).index(), op.index()) << text;
  EXPECT_EQ(to_json(op_from_json(json::parse(to_json(op).dump()))), to_json(op)) << text;
  EXPECT_EQ(to_string(op_from_json(to_json(op))), text);
}

// Random attributes, absurd ones among them: writing must not care what a rule would say.
void fill(Rng& rng, bool& value) { value = rng.integer(0, 1) == 1; }
void fill(Rng& rng, int64_t& value) {
  constexpr int64_t kOdd[] = {
      0, 1, -1, 7, std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min()};
  value = kOdd[rng.integer(0, 5)];
}
void fill(Rng& rng, double& value) {
  using Limits = std::numeric_limits<double>;
  const double odd[] = {0.0,           -0.0,
                        0.1,           1e-320,
                        Limits::max(), Limits::infinity(),
                        1.0 / 3.0,     -Limits::infinity(),
                        rng.normal(),  Limits::quiet_NaN(),
                        1e15 + 0.3,    -Limits::quiet_NaN()};
  value = odd[rng.integer(0, 11)];
}
void fill(Rng& rng, std::string& value) {
  constexpr const char* kOdd[] = {"", "true", "12", "-inf", "a b", "\"", "\\", "x, y)", "é\n\t"};
  value = kOdd[rng.integer(0, 8)];
}
void fill(Rng& rng, DType& value) { value = kDTypes[rng.integer(0, kLastType)].dtype; }
void fill(Rng& rng, TensorType& value) {
  value = TensorType(DType::kBF16, Shape(static_cast<size_t>(rng.integer(0, 3)), 5));
  for (Role& role : value.roles) role = static_cast<Role>(rng.integer(0, 5));
}
void fill(Rng& rng, Tensor& value) {
  value = Tensor(kDTypes[rng.integer(0, kLastType)].dtype, {2, rng.integer(0, 3)});
  for (int64_t i = 0; i < value.elements(); ++i) {
    value.set(i, is_floating(value.dtype()) ? rng.normal() : rng.uniform(0, 100));
  }
}
template <typename E>
requires std::is_enum_v<E>
void fill(Rng& rng, E& value) {
  const auto last = static_cast<int64_t>(names(E{}).size()) - 1;
  value = static_cast<E>(rng.integer(0, last));
}
template <typename T>
void fill(Rng& rng, std::vector<T>& values) {
  values.resize(static_cast<size_t>(rng.integer(0, 3)));
  for (T& value : values) fill(rng, value);
}
template <typename T>
void fill(Rng& rng, std::optional<T>& value) {
  value.reset();
  if (rng.integer(0, 1) == 1) fill(rng, value.emplace());
}

template <typename T>
void fill_all(Rng& rng, T& op) {
  std::apply([&](const auto&... field) { (fill(rng, op.*field.member), ...); }, T::fields());
}

TEST(Op, EveryNameIsAnOpWithDefaults) {
  const auto names = op_names();
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size());
  std::set<size_t> alternatives;
  for (const auto& name : names) {
    const Op op = parse_op(name);
    EXPECT_EQ(op_name(op), name);
    EXPECT_EQ(to_string(op), name);
    EXPECT_EQ(to_json(op), (json{{"op", name}}));
    EXPECT_TRUE(op == op_from_json({{"op", name}})) << name;
    alternatives.insert(op.index());
  }
  EXPECT_EQ(alternatives.size(), std::variant_size_v<Op>);
}

TEST(Op, RandomAttributesRoundTrip) {
  Rng rng(7);
  for (const auto& name : op_names()) {
    for (int round = 0; round < 20; ++round) {
      Op op = parse_op(name);
      std::visit([&](auto& typed) { fill_all(rng, typed); }, op);
      expect_round_trip(op);
    }
  }
}

TensorType random_type(Rng& rng) {
  constexpr int64_t kSizes[] = {1, 1, 2, 3, 3, 8, 0, int64_t{1} << 31, INT64_MAX, -1};
  const int64_t last = rng.integer(0, 3) == 0 ? 9 : 5;  // mostly sensible ones
  TensorType type(kDTypes[rng.integer(0, 3) == 0 ? rng.integer(0, kLastType) : 0].dtype,
                  Shape(static_cast<size_t>(rng.integer(0, 5))));
  for (int64_t& size : type.shape) size = kSizes[rng.integer(0, last)];
  for (Role& role : type.roles) role = static_cast<Role>(rng.integer(0, 5));
  return type;
}

TEST(Op, NoRuleCrashes) {
  Rng rng(11);
  size_t inferred = 0;
  for (const auto& name : op_names()) {
    for (int round = 0; round < 400; ++round) {
      Op op = parse_op(name);
      if (round % 2 == 1) std::visit([&](auto& typed) { fill_all(rng, typed); }, op);
      std::vector<TensorType> in(static_cast<size_t>(rng.integer(0, 5)), random_type(rng));
      for (TensorType& type : in) {
        if (rng.integer(0, 1) == 0) type = random_type(rng);
      }
      try {
        const auto out = infer(op, in);
        ++inferred;
        for (const TensorType& type : out) {
          EXPECT_EQ(type.roles.size(), type.shape.size()) << to_string(op);
          EXPECT_GE(type.elements(), 0) << to_string(op);
        }
        EXPECT_GE(macs(op, in, out), 0) << to_string(op);
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kUser) << to_string(op) << ": " << error.what();
      }
    }
  }
  EXPECT_GT(inferred, 2000u);  // the cases are not all nonsense
}

TEST(Op, FunctionsNameTheirOps) {
  EXPECT_EQ(op_name(ops::Unary{ops::UnaryFn::kLogSigmoid}), "log_sigmoid");
  EXPECT_EQ(op_name(ops::Binary{ops::BinaryFn::kMax}), "max");
  EXPECT_EQ(op_name(ops::Reduce{ops::ReduceKind::kMax}), "amax");
  EXPECT_EQ(op_name(ops::Recurrent{.cell = ops::Cell::kGru}), "gru");
  EXPECT_EQ(op_name(ops::Pool{ops::PoolKind::kAverage}), "average_pool");
  EXPECT_EQ(op_name(ops::AdaptivePool{ops::PoolKind::kMax}), "adaptive_max_pool");
}

TEST(Op, TextLeavesDefaultsOut) {
  EXPECT_EQ(to_string(ops::Conv{.stride = {2, 2}, .groups = 4}), "Conv(stride=[2, 2], groups=4)");
  EXPECT_EQ(to_string(ops::Conv{.pad_mode = ops::PadMode::kReflect}), "Conv(pad_mode=reflect)");
  EXPECT_EQ(to_string(ops::Recurrent{.hidden = 20, .bidirectional = true}),
            "lstm(hidden=20, bidirectional=true)");
  EXPECT_EQ(to_string(ops::Clamp{.low = 0}), "Clamp(low=0.0)");
  EXPECT_EQ(to_string(ops::Cast{DType::kBF16}), "Cast(dtype=bf16)");
  EXPECT_EQ(to_string(ops::Constant{Tensor::i64({2}, {1, INT64_MAX})}),
            "Constant(value={data=[1, 9223372036854775807], dtype=i64, shape=[2]})");
  EXPECT_EQ(to_json(ops::Conv{.stride = {2, 2}}), (json{{"op", "Conv"}, {"stride", {2, 2}}}));
}

TEST(Op, TextMayBeWrittenFreely) {
  EXPECT_TRUE(parse_op(" Conv ( groups = 4 ,\n stride=[ 2,2 ] ) ") ==
              Op(ops::Conv{.stride = {2, 2}, .groups = 4}));
  EXPECT_TRUE(parse_op("Conv()") == Op(ops::Conv{}));
  EXPECT_TRUE(parse_op("LeakyRelu(slope=1)") == Op(ops::LeakyRelu{.slope = 1}));
  EXPECT_TRUE(parse_op("Clamp(low=null, high=inf)") ==
              Op(ops::Clamp{.high = std::numeric_limits<double>::infinity()}));
}

TEST(Op, ConstantsKeepTheirBits) {
  Tensor half(DType::kF16, {3});
  for (int64_t i = 0; i < 3; ++i) half.set(i, 0.1 * static_cast<double>(i));
  const Op op = parse_op(to_string(ops::Constant{half}));
  EXPECT_TRUE(std::get<ops::Constant>(op).value.identical(half));
  EXPECT_TRUE(parse_op("Constant") == Op(ops::Constant{}));
  EXPECT_FALSE(Op(ops::Constant{half}) == Op(ops::Constant{}));
}

std::string text_error(const std::string& text) {
  return user_error([&] { parse_op(text); });
}

TEST(Op, UnknownNamesListTheValidOnes) {
  const auto unknown = text_error("Convv(groups=2)");
  EXPECT_EQ(unknown.substr(0, unknown.find('\n')),
            "unknown op 'Convv'; the nearest are Conv, Concat, Cast");
  EXPECT_NE(unknown.find("\n  the ops are Input, Param, Constant, Conv,"), std::string::npos);
  EXPECT_EQ(text_error("Conv(strid=2)"),
            "Conv has no attribute 'strid'; its attributes are stride, padding, dilation, groups, "
            "pad_mode");
  EXPECT_EQ(text_error("relu(fn=tanh)"), "relu has no attribute 'fn'; it has none at all");
  EXPECT_EQ(text_error("Conv(pad_mode=mirror)"),
            "attribute pad_mode of Conv: \"mirror\" is not one of zeros, reflect, replicate, "
            "circular");
}

TEST(Op, U64KeepsNumbersBeyondI64) {
  Tensor value(DType::kU64, {2});
  value.set_integer(0, -1);
  const Op op = ops::Constant{value};
  EXPECT_EQ(to_string(op),
            "Constant(value={data=[18446744073709551615, 0], dtype=u64, shape=[2]})");
  EXPECT_TRUE(std::get<ops::Constant>(parse_op(to_string(op))).value.identical(value));
  EXPECT_EQ(text_error("Constant(value={data=[-1], dtype=u64, shape=[1]})"),
            "attribute value of Constant: -1 is not a whole number of 0 to 2^64 - 1");
  EXPECT_EQ(text_error("Constant(value={data=[65536], dtype=u16, shape=[1]})"),
            "attribute value of Constant: 65536 does not fit u16, which holds 0 to 65535");
}

TEST(Op, WrongTypesAreRefused) {
  EXPECT_EQ(text_error("Conv(groups=2.5)"),
            "attribute groups of Conv: 2.5 is not a whole number of 64 bits");
  EXPECT_EQ(text_error("Conv(stride=2)"), "attribute stride of Conv: 2 is not a list");
  EXPECT_EQ(text_error("LeakyRelu(slope=much)"),
            "attribute slope of LeakyRelu: \"much\" is not a number");
  EXPECT_EQ(text_error("Gelu(tanh=1)"), "attribute tanh of Gelu: 1 is not true or false");
  EXPECT_EQ(text_error("Constant(value={data=[300], dtype=u8, shape=[1]})"),
            "attribute value of Constant: 300 does not fit u8, which holds 0 to 255");
  EXPECT_EQ(text_error("Constant(value={data=[1], dtype=f32, shape=[99999999999]})"),
            "attribute value of Constant: 1 values given for shape [99999999999]");
  EXPECT_EQ(text_error("Input(type={dtype=f32, roles=[batch], shape=[1, 2]})"),
            "attribute type of Input: 1 roles for shape [1, 2]; there must be one per axis");
  EXPECT_EQ(text_error("Conv(groups=99999999999999999999)"),
            "attribute groups of Conv: 1e+20 is not a whole number of 64 bits");
}

TEST(Op, BrokenTextSaysWhere) {
  EXPECT_EQ(text_error(""),
            "cannot read the op '': at position 0, before '', the name of an op is expected");
  EXPECT_EQ(text_error("Conv(groups="),
            "cannot read the op 'Conv(groups=': at position 12, before '', a value is expected");
  EXPECT_EQ(text_error("Conv(groups=1, groups=2)"),
            "attribute 'groups' stands twice in 'Conv(groups=1, groups=2)'");
  EXPECT_NE(text_error("relu) and more").find("before ') and more', the end is expected"),
            std::string::npos);
  std::string deep = "Conv(stride=";
  deep.append(100000, '[');
  EXPECT_NE(text_error(deep).find("deeper"), std::string::npos);
}

TEST(Op, NoTextCrashes) {
  const std::string text =
      R"(Opaque(schema="a(b) -> \"c\"", types=[{dtype=f32, roles=[batch, "?"], shape=[1, 2]}]))";
  ASSERT_EQ(to_string(parse_op(text)).substr(0, 12), "Opaque(schem");
  Rng rng(3);
  for (int round = 0; round < 5000; ++round) {
    std::string broken = text.substr(0, static_cast<size_t>(rng.integer(0, 90)));
    for (int64_t edits = rng.integer(0, 3); edits > 0 && !broken.empty(); --edits) {
      const auto place = rng.integer(0, static_cast<int64_t>(broken.size()) - 1);
      broken[static_cast<size_t>(place)] = static_cast<char>(rng.integer(-128, 127));
    }
    try {
      to_string(parse_op(broken));
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUser) << error.what();
    }
  }
}

TEST(Op, MalformedJsonIsAUserError) {
  const json cases[] = {
      json(),
      json(3),
      json::array(),
      json::object(),
      {{"op", 3}},
      {{"op", "Conv"}, {"stride", json::object()}},
      {{"op", "Conv"}, {"stride", {1, "a"}}},
      {{"op", "Conv"}, {"stride", {1, nullptr}}},
      {{"op", "Conv"}, {"groups", json::array()}},
      {{"op", "Conv"}, {"groups", UINT64_MAX}},
      {{"op", "Cast"}, {"dtype", 3}},
      {{"op", "Cast"}, {"dtype", "f31"}},
      {{"op", "Input"}, {"type", {{"dtype", "f32"}}}},
      {{"op", "Input"}, {"type", {{"dtype", "f32"}, {"shape", {-1}}, {"roles", {"?"}}}}},
      {{"op", "Input"}, {"type", {{"dtype", "f32"}, {"shape", {1}}, {"roles", {"depth"}}}}},
      {{"op", "Input"}, {"type", {{"dtype", "f32"}, {"shape", 1}, {"size", 1}}}},
      {{"op", "Constant"}, {"value", {{"dtype", "f32"}, {"shape", {2}}, {"data", {1}}}}},
      {{"op", "Constant"}, {"value", {{"dtype", "bool"}, {"shape", {1}}, {"data", {2}}}}},
      {{"op", "Opaque"}, {"schema", 1}},
      {{"op", "Opaque"}, {"types", {1}}},
      {{"op", "relu"}, {"\xff", "\xff"}},
  };
  for (const json& broken : cases) {
    EXPECT_FALSE(user_error([&] { op_from_json(broken); }).empty()) << broken.type_name();
  }
}

}  // namespace
}  // namespace rung
