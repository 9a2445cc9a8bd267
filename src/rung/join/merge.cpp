#include "rung/join/merge.h"

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/join/pointwise.h"

namespace rung {
namespace {

using ops::BinaryFn;
using ops::UnaryFn;

// A learned number, as a weight of rank 0 that broadcasts over everything.
Value learned(Builder& b, const std::string& name, double start) {
  return b.param(name, {.shape = {}, .init = ops::InitKind::kConstant, .value = start});
}

// α · s with α = 0: what an identity start makes of a source that has no projection to zero.
Value zeroed(const MergeInput& in) {
  if (!in.identity) return in.source;
  Builder& b = in.builder;
  return b.binary("scaled", BinaryFn::kMul, in.source, learned(b, "scale", 0));
}

Value build_add(const MergeInput& in) {
  return in.builder.sum("add", in.target, in.source_is_zero ? in.source : zeroed(in));
}

Value build_multiply(const MergeInput& in) {
  Builder& b = in.builder;
  if (!in.identity) return b.binary("multiply", BinaryFn::kMul, in.target, in.source);
  // 1 + α (s - 1) is exactly 1 at α = 0, and s at α = 1.
  const Value one = b.scalar("one", 1);
  const Value off = b.binary("offset", BinaryFn::kSub, in.source, one);
  const Value scaled = b.binary("scaled", BinaryFn::kMul, off, learned(b, "scale", 0));
  return b.binary("multiply", BinaryFn::kMul, in.target, b.sum("factor", scaled, one));
}

Value build_mean(const MergeInput& in) {
  Builder& b = in.builder;
  return b.binary("mean", BinaryFn::kMul, b.sum("sum", in.target, in.source),
                  b.scalar("half", 0.5));
}

Value build_max(const MergeInput& in) {
  return in.builder.binary("max", BinaryFn::kMax, in.target, in.source);
}

Value build_weighted(const MergeInput& in) {
  Builder& b = in.builder;
  const Value t = b.binary("target", BinaryFn::kMul, in.target, learned(b, "target_weight", 1));
  const Value s = b.binary("source", BinaryFn::kMul, in.source,
                           learned(b, "source_weight", in.identity ? 0 : 1));
  return b.sum("weighted", t, s);
}

Value build_gate(const MergeInput& in) {
  Builder& b = in.builder;
  const size_t axis = channel_axis(b.type(in.target));
  const Value both = b.concat("both", {in.target, in.source}, static_cast<int64_t>(axis));
  const Value gate = b.unary("sigmoid", UnaryFn::kSigmoid,
                             pointwise(b, "gate", both, channels(b.type(in.target))));
  const Value source = in.source_is_zero ? in.source : zeroed(in);
  return b.sum("add", in.target, b.binary("gated", BinaryFn::kMul, gate, source));
}

Value build_highway(const MergeInput& in) {
  Builder& b = in.builder;
  const Value gate = b.unary("sigmoid", UnaryFn::kSigmoid,
                             pointwise(b, "gate", in.target, channels(b.type(in.target))));
  const Value difference = b.binary("difference", BinaryFn::kSub, in.source, in.target);
  Value carried = b.binary("gated", BinaryFn::kMul, gate, difference);
  if (in.identity) {
    carried = b.binary("scaled", BinaryFn::kMul, carried, learned(b, "scale", 0));
  }
  return b.sum("add", in.target, carried);
}

Value build_film(const MergeInput& in) {
  Builder& b = in.builder;
  const TensorType& target = b.type(in.target);
  const int64_t width = channels(target);
  const Value both = pointwise(b, "film", in.source, 2 * width,
                               in.identity ? PointwiseStart::kZero : PointwiseStart::kRandom);
  const auto axis = static_cast<int64_t>(channel_axis(b.type(both)));
  const Value parts = b.add("split", ops::Split{.axis = axis, .sizes = {width, width}}, {both});
  // [N, C] beside [N, C, S…] or [N, T, F]: new axes everywhere but at batch and channel. Beside a
  // target whose axes are not known, the vector is spread already.
  ops::Sizes axes;
  for (size_t i = 1; i < target.rank() && b.type(both).rank() < target.rank(); ++i) {
    if (i != channel_axis(target)) axes.push_back(static_cast<int64_t>(i));
  }
  const auto spread = [&](const char* name, Value v) {
    return axes.empty() ? v : b.add(name, ops::Unsqueeze{.axes = axes}, {v});
  };
  const Value gamma = spread("gamma", parts);
  const Value beta = spread("beta", {parts.node, 1});
  const Value factor = b.sum("factor", gamma, b.scalar("one", 1));
  return b.sum("shifted", b.binary("modulated", BinaryFn::kMul, in.target, factor), beta);
}

Value build_attention_gate(const MergeInput& in) {
  Builder& b = in.builder;
  const int64_t width = channels(b.type(in.target));
  const int64_t inner = std::max<int64_t>(1, width / 2);
  const Value query = pointwise(b, "query", in.target, inner);
  const Value key = pointwise(b, "key", in.source, inner);
  const Value score = pointwise(b, "score", b.relu("relu", b.sum("agreement", query, key)), 1);
  const Value weight = b.unary("sigmoid", UnaryFn::kSigmoid, score);
  const Value source = in.source_is_zero ? in.source : zeroed(in);
  return b.sum("add", in.target, b.binary("attended", BinaryFn::kMul, source, weight));
}

Value build_concat(const MergeInput& in) {
  const auto axis = static_cast<int64_t>(channel_axis(in.builder.type(in.target)));
  return in.builder.concat("concat", {in.target, in.source}, axis);
}

Value build_append(const MergeInput& in) {
  const auto axis = static_cast<int64_t>(time_axis(in.builder.type(in.target)));
  return in.builder.concat("append", {in.target, in.source}, axis);
}

Value build_prepend(const MergeInput& in) {
  const auto axis = static_cast<int64_t>(time_axis(in.builder.type(in.target)));
  return in.builder.concat("prepend", {in.source, in.target}, axis);
}

}  // namespace

const std::vector<MergeRule>& merge_rules() {
  using enum Needs;
  using enum Identity;
  static const std::vector<MergeRule> rules = {
      {"add", "t + s", kSameType, kZeroSource, build_add},
      {"concat", "[t; s] along channels, then 1x1 back to t's width (or widened readers)",
       kSameExtent, kOwn, build_concat, true},
      {"append", "[t; s] along time", kSameWidth, kNever, build_append},
      {"prepend", "[s; t] along time", kSameWidth, kNever, build_prepend},
      {"multiply", "t * s", kSameType, kOwn, build_multiply},
      {"mean", "(t + s) / 2", kSameType, kNever, build_mean},
      {"max", "max(t, s)", kSameType, kNever, build_max},
      {"weighted", "a * t + b * s, a and b learned", kSameType, kOwn, build_weighted},
      {"gate", "t + sigmoid(W [t; s]) * s", kSameType, kZeroSource, build_gate, true},
      {"highway", "t + g * (s - t), g = sigmoid(W t)", kSameType, kOwn, build_highway, true},
      {"film", "t * (1 + gamma(s)) + beta(s), s a vector", kVector, kOwn, build_film, true},
      {"attention_gate", "t + s * sigmoid(W relu(Wt t + Ws s))", kSameType, kZeroSource,
       build_attention_gate, true},
  };
  return rules;
}

Merge::Merge(const std::string& name) {
  std::vector<std::string> names;
  for (const auto& rule : merge_rules()) {
    // Not owned: the table lives as long as the program.
    if (rule.name == name) rule_ = {std::shared_ptr<const MergeRule>(), &rule};
    names.push_back(rule.name);
  }
  if (!rule_) fail_user("unknown merge {}; the merges are {}", quoted(name), join(names, ", "));
}

}  // namespace rung
