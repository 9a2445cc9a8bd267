#include <nlohmann/json.hpp>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/ops/onnx_export.h"

// Operators of ATen that ONNX knows, too.

namespace rung::ops {
namespace {

using Json = nlohmann::json;

/// The arguments of an operator, in the order of its schema.
class Arguments {
 public:
  Arguments(const Opaque& op, OnnxWriter& w) : w_(w), list_(Json::parse(op.arguments)) {}

  bool given(size_t i) const {
    return i < list_.size() &&
           (list_[i].contains("input") || !list_[i].value("value", Json()).is_null());
  }
  size_t place(size_t i) const {
    if (i >= list_.size() || !list_[i].contains("input")) refuse(i);
    return list_[i]["input"].get<size_t>();
  }
  OnnxValue tensor(size_t i) const { return w_.in(place(i)); }
  OnnxValues tensors(size_t i) const {
    OnnxValues out;
    if (i >= list_.size() || !list_[i].contains("inputs")) refuse(i);
    for (const auto& k : list_[i]["inputs"]) {
      if (k.is_null()) refuse(i);
      out.push_back(w_.in(k.get<size_t>()));
    }
    return out;
  }
  template <typename T>
  T value(size_t i) const {
    if (!given(i) || !list_[i].contains("value")) refuse(i);
    return list_[i]["value"].get<T>();
  }

 private:
  [[noreturn]] static void refuse(size_t i) {
    fail_unsupported("its argument {} has no counterpart in ONNX", i);
  }
  OnnxWriter& w_;
  Json list_;
};

using Rule = OnnxValues (*)(OnnxWriter& w, const Arguments& args);

template <const char* const& Name>
OnnxValues unary(OnnxWriter& w, const Arguments& args) {
  return {w.add(Name, {args.tensor(0)})};
}
template <const char* const& Name>
OnnxValues binary(OnnxWriter& w, const Arguments& args) {
  return {w.add(Name, {args.tensor(0), args.tensor(1)})};
}
constexpr const char *kAsin = "Asin", *kAcos = "Acos", *kAsinh = "Asinh", *kAcosh = "Acosh",
                     *kAtanh = "Atanh", *kSinh = "Sinh", *kCosh = "Cosh", *kNot = "BitwiseNot",
                     *kAnd = "BitwiseAnd", *kOr = "BitwiseOr", *kXor = "BitwiseXor",
                     *kIsNan = "IsNaN", *kIsInf = "IsInf";

OnnxValues fmod(OnnxWriter& w, const Arguments& args) {
  return {w.add("Mod", {args.tensor(0), args.tensor(1)}, {{"fmod", int64_t{1}}})};
}

OnnxValues flip(OnnxWriter& w, const Arguments& args) {
  const auto axes = args.value<Sizes>(1);
  const Sizes last(axes.size(), -1), before(axes.size(), INT64_MIN), back(axes.size(), -1);
  return {w.add("Slice", {args.tensor(0), w.integers(last), w.integers(before), w.integers(axes),
                          w.integers(back)})};
}

OnnxValues gather(OnnxWriter& w, const Arguments& args) {
  return {w.add("GatherElements", {args.tensor(0), args.tensor(2)},
                {{"axis", args.value<int64_t>(1)}})};
}

OnnxValues scatter(OnnxWriter& w, const Arguments& args) {
  return {w.add("ScatterElements", {args.tensor(0), args.tensor(2), args.tensor(3)},
                {{"axis", args.value<int64_t>(1)}})};
}

/// Slices along an axis are replaced: every element of a slice has the slice's index.
OnnxValues index_copy(OnnxWriter& w, const Arguments& args) {
  const auto rank = static_cast<int64_t>(w.type(args.place(0)).rank());
  auto axis = args.value<int64_t>(1);
  if (axis < 0) axis += rank;
  Sizes others;
  for (int64_t i = 0; i < rank; ++i) {
    if (i != axis) others.push_back(i);
  }
  const OnnxValue slices = args.tensor(3);
  const OnnxValue index =
      w.add("Expand", {w.unsqueeze(args.tensor(2), others), w.add("Shape", {slices})});
  return {w.add("ScatterElements", {args.tensor(0), index, slices}, {{"axis", axis}})};
}

OnnxValues index_select(OnnxWriter& w, const Arguments& args) {
  return {w.add("Gather", {args.tensor(0), args.tensor(2)}, {{"axis", args.value<int64_t>(1)}})};
}

OnnxValues cumsum(OnnxWriter& w, const Arguments& args) {
  return {w.add("CumSum", {args.tensor(0), w.integer(args.value<int64_t>(1))})};
}

template <int64_t Upper>
OnnxValues triangle(OnnxWriter& w, const Arguments& args) {
  return {w.add("Trilu", {args.tensor(0), w.integer(args.value<int64_t>(1))}, {{"upper", Upper}})};
}

OnnxValues einsum(OnnxWriter& w, const Arguments& args) {
  return {w.add("Einsum", args.tensors(1), {{"equation", args.value<std::string>(0)}})};
}

// ATen's numbers of modes, in its order.
OnnxValues grid_sample(OnnxWriter& w, const Arguments& args) {
  constexpr std::string_view kModes[] = {"bilinear", "nearest", "bicubic"};
  constexpr std::string_view kLaterModes[] = {"linear", "nearest", "cubic"};
  constexpr std::string_view kPadding[] = {"zeros", "border", "reflection"};
  if (w.opset() < 16) fail_unsupported("GridSample needs opset 16");
  const auto mode = args.value<size_t>(2), padding = args.value<size_t>(3);
  if (mode > 2 || padding > 2) fail_unsupported("mode {}, padding {}", mode, padding);
  if (w.type(0).rank() > 4 && w.opset() < 20)
    fail_unsupported("GridSample in space needs opset 20");
  return {w.add("GridSample", {args.tensor(0), args.tensor(1)},
                {{"mode", std::string((w.opset() < 20 ? kModes : kLaterModes)[mode])},
                 {"padding_mode", std::string(kPadding[padding])},
                 {"align_corners", int64_t{args.value<bool>(4)}}})};
}

OnnxValues rounded_quotient(OnnxWriter& w, const Arguments& args) {
  const auto mode = args.value<std::string>(2);
  const bool floating = is_floating(w.type(args.place(0)).dtype);
  const OnnxValue y = w.add("Div", {args.tensor(0), args.tensor(1)});
  if (mode == "trunc" && !floating) return {y};
  if (mode == "floor" && floating) return {w.add("Floor", {y})};
  if (mode != "trunc") fail_unsupported("rounding_mode {} of whole numbers", quoted(mode));
  const OnnxValue size = w.add("Floor", {w.add("Abs", {y})});
  return {w.add("Mul", {w.add("Sign", {y}), size})};
}

/// ONNX shifts numbers without sign alone.
template <const char* const& Direction>
OnnxValues shifted(OnnxWriter& w, const Arguments& args) {
  const DType dtype = w.type(args.place(0)).dtype;
  if (dtype != DType::kU8 && !is_wide_unsigned(dtype)) {
    fail_unsupported("BitShift takes u8, u16, u32 and u64, not {}", name(dtype));
  }
  return {
      w.add("BitShift", {args.tensor(0), args.tensor(1)}, {{"direction", std::string(Direction)}})};
}
constexpr const char *kShiftLeft = "LEFT", *kShiftRight = "RIGHT";

OnnxValues topk(OnnxWriter& w, const Arguments& args) {
  return w.add_all("TopK", {args.tensor(0), w.integers({args.value<int64_t>(1)})},
                   {{"axis", args.value<int64_t>(2)},
                    {"largest", int64_t{args.value<bool>(3)}},
                    {"sorted", int64_t{args.value<bool>(4)}}},
                   2);
}

struct Entry {
  std::string_view name;
  int64_t opset;
  Rule rule;
};
constexpr Entry kRules[] = {
    {"aten::asin", 7, unary<kAsin>},
    {"aten::acos", 7, unary<kAcos>},
    {"aten::asinh", 9, unary<kAsinh>},
    {"aten::acosh", 9, unary<kAcosh>},
    {"aten::atanh", 9, unary<kAtanh>},
    {"aten::sinh", 9, unary<kSinh>},
    {"aten::cosh", 9, unary<kCosh>},
    {"aten::isnan", 13, unary<kIsNan>},
    {"aten::isinf", 10, unary<kIsInf>},
    {"aten::bitwise_not", 18, unary<kNot>},
    {"aten::bitwise_and.Tensor", 18, binary<kAnd>},
    {"aten::bitwise_or.Tensor", 18, binary<kOr>},
    {"aten::bitwise_xor.Tensor", 18, binary<kXor>},
    {"aten::bitwise_left_shift.Tensor", 13, shifted<kShiftLeft>},
    {"aten::bitwise_right_shift.Tensor", 13, shifted<kShiftRight>},
    {"aten::fmod.Tensor", 13, fmod},
    {"aten::flip", 13, flip},
    {"aten::gather", 13, gather},
    {"aten::scatter.src", 13, scatter},
    {"aten::index_copy", 13, index_copy},
    {"aten::index_select", 13, index_select},
    {"aten::cumsum", 14, cumsum},
    {"aten::tril", 14, triangle<0>},
    {"aten::triu", 14, triangle<1>},
    {"aten::einsum", 13, einsum},
    {"aten::grid_sampler", 16, grid_sample},
    {"aten::grid_sampler_2d", 16, grid_sample},
    {"aten::grid_sampler_3d", 20, grid_sample},
    {"aten::div.Tensor_mode", 13, rounded_quotient},
    {"aten::topk", 13, topk},
};

}  // namespace

OnnxValues to_onnx(const Opaque& op, OnnxWriter& w) {
  const std::string name = op.schema.substr(0, op.schema.find('('));
  for (const Entry& entry : kRules) {
    if (entry.name != name) continue;
    if (w.opset() < entry.opset) {
      fail_unsupported("{} needs opset {}, not {}", name, entry.opset, w.opset());
    }
    return entry.rule(w, Arguments(op, w));
  }
  fail_unsupported("{} is an operator of LibTorch that is not written as ONNX", name);
}

}  // namespace rung::ops
