#include "rung/join/connect.h"

#include <fmt/format.h>

#include "rung/join/adapt.h"
#include "rung/join/pointwise.h"

namespace rung {
namespace {

Value reduce(SkipWriter& writer, Value merged, Value target) {
  const Skip& skip = writer.skip();
  const Builder& builder = writer.builder();
  const int64_t from = channels(builder.type(merged));
  const int64_t to = skip.out > 0 ? skip.out : channels(builder.type(target));
  const auto start =
      skip.start == Start::kIdentity ? PointwiseStart::kIdentity : PointwiseStart::kRandom;
  return writer.layer(
      skip.reduction_name, "reduction", fmt::format("{} -> {} channels after the concat", from, to),
      [&](Builder& b, const std::string& name) { return pointwise(b, name, merged, to, start); });
}

Value transposed(SkipWriter& writer, const char* name, const char* why, Value x,
                 const ops::Sizes& order) {
  return writer.step(why,
                     [&](Builder& b) { return b.add(name, ops::Transpose{.order = order}, {x}); });
}

ops::Sizes inverse(const ops::Sizes& order) {
  ops::Sizes out(order.size());
  for (size_t i = 0; i < order.size(); ++i) {
    out[static_cast<size_t>(order[i])] = static_cast<int64_t>(i);
  }
  return out;
}

// A merge promises the target's type, but for the axis that it is there to change.
void check_result(SkipWriter& writer, Value merged, Value target) {
  const MergeRule& rule = writer.skip().merge.rule();
  const Builder& b = writer.builder();
  const bool free = rule.needs == Needs::kSameWidth || rule.needs == Needs::kSameExtent;
  if (!free && b.type(merged).shape != b.type(target).shape) {
    writer.refuse(fmt::format("the recipe of {} must give the target's shape and gives {}",
                              rule.name, to_string(b.type(merged))),
                  "correct the merge rule");
  }
}

// "lstm:1"; the port only where the node has several.
std::string tap_name(const Graph& graph, Value value) {
  const Node& node = graph.node(value.node);
  return node.types.size() == 1 ? node.name : fmt::format("{}:{}", node.name, value.port);
}

}  // namespace

Connection write_skip(Builder& builder, const Skip& skip, Value source, Value target) {
  const MergeRule& rule = skip.merge.rule();
  SkipPlan plan{.name = builder.path(skip.name),
                .from = skip.from,
                .to = skip.to,
                .merge = rule.name,
                .source = builder.type(source),
                .target = builder.type(target)};
  plan.bytes_held = plan.source.bytes();
  SkipWriter writer(builder, skip, plan);
  const bool identity = skip.start == Start::kIdentity;
  if (identity && rule.identity == Identity::kNever) {
    writer.refuse(rule.name +
                      " changes its target whatever the source is, so it cannot start as "
                      "the identity",
                  "start = \"random\", or merge by add, concat or weighted");
  }
  builder.tag_skip(plan.name);
  const auto order = features_last(builder, rule, target);
  const Value turned =
      order ? transposed(writer, "features_last", "the features of the target last", target, *order)
            : target;
  const Adapted ends = adapt(writer, source, turned);
  Value merged = writer.step(rule.doc, [&](Builder& b) {
    return rule.build({.builder = b,
                       .target = ends.target,
                       .source = ends.source,
                       .identity = identity,
                       .source_is_zero = ends.zero});
  });
  const bool concat = rule.needs == Needs::kSameExtent;
  if (concat && skip.width == Width::kReduce) merged = reduce(writer, merged, ends.target);
  check_result(writer, merged, ends.target);
  if (order) {
    merged = transposed(writer, "features_back", "the features back in their place", merged,
                        inverse(*order));
  }
  builder.tag_skip({});
  plan.result = builder.type(merged);
  const bool widened = concat && channels(plan.result) != channels(plan.target);
  SkipNote note{.name = plan.name,
                .from = skip.from,
                .to = skip.to,
                .merge = rule.name,
                .text = explain_steps(plan),
                .source = source,
                .adapted = ends.source,
                .target = target,
                .merged = merged,
                .widened = widened};
  return {merged, std::move(plan), std::move(note)};
}

Value connect(Builder& builder, Value source, Value target, Skip skip) {
  if (skip.name.empty()) skip.name = "skip";
  skip.from = tap_name(builder.graph(), source);
  skip.to = tap_name(builder.graph(), target);
  Connection connection = write_skip(builder, skip, source, target);
  builder.add_skip_note(std::move(connection.note));
  return connection.merged;
}

}  // namespace rung
