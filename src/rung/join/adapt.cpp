#include "rung/join/adapt.h"

#include <algorithm>
#include <numeric>

#include "rung/base/error.h"
#include "rung/base/text.h"
#include "rung/join/bridge.h"
#include "rung/join/per_sample.h"
#include "rung/join/pointwise.h"

namespace rung {

void SkipWriter::refuse(const std::string& rule, const std::string& fix) const {
  fail_user(
      "cannot join {} -> {} by {}\n"
      "  source  {}  {}  {}\n"
      "  target  {}  {}  {}\n"
      "  rule    {}\n"
      "  fix     {}",
      skip_.from, skip_.to, plan_.merge, skip_.from, to_string(plan_.source),
      roles_text(plan_.source), skip_.to, to_string(plan_.target), roles_text(plan_.target), rule,
      fix);
}

void SkipWriter::record(size_t before, const std::string& why) {
  const Graph& graph = builder_.graph();
  int64_t weights = 0;
  for (size_t i = before; i < graph.size(); ++i) {
    const Node& node = graph.nodes()[i];
    if (const auto* param = std::get_if<ops::Param>(&node.op)) {
      if (!param->buffer) weights += element_count(param->shape);
    }
    if (is_leaf(node.op)) continue;
    std::vector<TensorType> in;
    for (const Value value : node.inputs) in.push_back(graph.type(value));
    plan_.insertions.push_back({.name = node.name,
                                .op = to_string(node.op),
                                .why = why,
                                .type = node.types[0],
                                .weights = weights,
                                .macs = macs(node.op, in, node.types)});
    plan_.weights += weights;
    plan_.macs += plan_.insertions.back().macs;
    weights = 0;
  }
}

namespace {

// "28 x 28"
std::string extent_text(const TensorType& type, const ops::Sizes& axes) {
  std::vector<std::string> sizes;
  for (const int64_t axis : axes) {
    sizes.push_back(std::to_string(type.shape[static_cast<size_t>(axis)]));
  }
  return join(sizes, " x ");
}

// The two ends at the planned sizes.
struct Comparison {
  bool equal = true;
  bool any_smaller = false;  ///< the source, on some axis
  bool any_larger = false;
  int64_t factor = 0;  ///< the whole factor by which the source is larger on every axis, or 0
};

Comparison compare(const TensorType& source, const TensorType& target) {
  Comparison out;
  for (const int64_t axis : extent_axes(target)) {
    const int64_t s = source.shape[static_cast<size_t>(axis)];
    const int64_t t = target.shape[static_cast<size_t>(axis)];
    out.equal = out.equal && s == t;
    out.any_smaller = out.any_smaller || s < t;
    out.any_larger = out.any_larger || s > t;
    // Odd sizes are halved upwards by some layers and downwards by others.
    const int64_t k = t > 0 ? (s + t - 1) / t : 0;
    const bool whole = k > 1 && ((s + k - 1) / k == t || s / k == t);
    const bool first = axis == extent_axes(target).front();
    out.factor = whole && (first || out.factor == k) ? k : 0;
  }
  return out;
}

Value project(SkipWriter& w, Value x, int64_t width, bool zero, int64_t stride) {
  const Skip& skip = w.skip();
  const std::string why =
      fmt::format("{} -> {} {}{}", channels(w.builder().type(x)), width,
                  w.builder().type(x).is_map() ? "channels" : "features",
                  stride > 1 ? fmt::format(", {} times smaller", stride) : std::string());
  return w.layer(skip.projection_name, "projection", why, [&](Builder& b, const std::string& name) {
    const bool norm = skip.norm && b.type(x).is_map();
    const auto start = zero && !norm ? PointwiseStart::kZero : PointwiseStart::kRandom;
    const size_t axes = b.type(x).is_map() ? b.type(x).rank() - 2 : 0;
    const ops::Sizes strides = stride > 1 ? ops::Sizes(axes, stride) : ops::Sizes{1};
    const Value y = pointwise(b, name, x, width, start, strides);
    if (!norm) return y;
    return zero ? b.zero_batch_norm(name + "_norm", y) : b.batch_norm(name + "_norm", y);
  });
}

bool equal_at_every_size(Builder& b, Value x, Value y, const ops::Sizes& axes) {
  const Extents& extents = b.extents();
  return std::all_of(axes.begin(), axes.end(), [&](int64_t axis) {
    const auto i = static_cast<size_t>(axis);
    return extents.of(x, i) == extents.of(y, i);
  });
}

// Brings space or time to the target's sizes at run time, whatever they are then. Nothing where
// they are the same at every size of the inputs.
Value align(SkipWriter& w, Value x, Value target) {
  Builder& b = w.builder();
  const TensorType& type = b.type(target);
  const ops::Sizes axes = extent_axes(type);
  if (axes.empty()) return x;
  if (equal_at_every_size(b, x, target, axes)) return x;
  const Comparison sizes_here = compare(b.type(x), type);
  const std::string sizes = extent_text(b.type(x), axes) + " -> " + extent_text(type, axes);
  const auto like = [&](const std::string& why, const char* name, Op op) {
    return w.step(why,
                  [&](Builder& builder) { return builder.add(name, std::move(op), {x, target}); });
  };
  const auto resize = [&](ops::ResizeMode mode) {
    // Cubic has no kernel on one or three axes.
    if (mode == ops::ResizeMode::kCubic && axes.size() != 2) mode = ops::ResizeMode::kLinear;
    return like(sizes_here.equal ? "sizes agree here, and may not at others" : sizes, "resize",
                ops::ResizeLike{.axes = axes, .like_axes = axes, .mode = mode});
  };
  switch (w.skip().align) {
    case Align::kNone:
      if (!sizes_here.equal) {
        w.refuse(fmt::format("{} needs equal sizes, and align = \"none\" forbids changing either "
                             "side",
                             w.skip().merge.rule().name),
                 "align = \"auto\", or another layer");
      }
      // At another size one of them might be spread over the other in silence.
      return w.step("sizes agree here, and must at others", [&](Builder& builder) {
        const Value cut =
            builder.add("not_smaller", ops::CropLike{.axes = axes, .like_axes = axes}, {x, target});
        return builder.add("not_larger", ops::PadLike{.axes = axes, .like_axes = axes}, {x, cut});
      });
    case Align::kCrop:
      if (sizes_here.any_smaller) {
        w.refuse("align = \"crop\" only cuts, and the source is smaller than the target",
                 "align = \"auto\", \"resize\" or \"pad\"");
      }
      return like(sizes, "crop", ops::CropLike{.axes = axes, .like_axes = axes});
    case Align::kPad:
      if (sizes_here.any_larger) {
        w.refuse("align = \"pad\" only fills, and the source is larger than the target",
                 "align = \"auto\", \"resize\" or \"crop\"");
      }
      return like(sizes, "pad", ops::PadLike{.axes = axes, .like_axes = axes});
    case Align::kPool:
      if (sizes_here.any_smaller) {
        w.refuse("align = \"pool\" only averages, and the source is smaller than the target",
                 "align = \"auto\" or \"resize\"");
      }
      return resize(ops::ResizeMode::kArea);
    case Align::kResize:
      return resize(w.skip().resize);
    case Align::kAuto:
      break;
  }
  const bool one_place = std::all_of(axes.begin(), axes.end(), [&](int64_t axis) {
    return b.type(x).shape[static_cast<size_t>(axis)] == 1;
  });
  if (one_place) return resize(ops::ResizeMode::kNearest);
  // Averaging is exact for whole factors, and does not skip samples for others.
  if (sizes_here.any_larger && !sizes_here.any_smaller) return resize(ops::ResizeMode::kArea);
  return resize(w.skip().resize);
}

Value detach(SkipWriter& w, Value x) {
  if (!w.skip().detach) return x;
  return w.step("no gradient flows back into the source",
                [&](Builder& b) { return b.add("detach", ops::Detach{}, {x}); });
}

// Numbers of any type become the target's, where that is a type of fractions.
Value match_dtype(SkipWriter& w, Value source, DType target) {
  const DType from = w.builder().type(source).dtype;
  if (is_float8(target)) {
    w.refuse(fmt::format("{} has too few digits to train in", name(target)),
             "join at a layer of f16, bf16, f32 or f64");
  }
  if (from == target) return source;
  if (!is_floating(target)) {
    w.refuse(fmt::format("{} cannot become {}, whole numbers that something is looked up, counted "
                         "or chosen by",
                         name(from), name(target)),
             "join at a layer of floating numbers");
  }
  return w.step(fmt::format("{} as {}{}", name(from), name(target),
                            is_floating(from) ? "" : "; no gradient flows back"),
                [&](Builder& b) { return b.add("cast", ops::Cast{.dtype = target}, {source}); });
}

void check_batch(SkipWriter& w, const TensorType& source, const TensorType& target) {
  const size_t axis = is_time_first(target) && is_time_first(source) ? 1 : 0;
  if (source.shape[axis] == target.shape[axis]) return;
  w.refuse(fmt::format("both ends need one batch size, and {} meets {}: a network was recorded for "
                       "a fixed batch, or merged it with other axes",
                       source.shape[axis], target.shape[axis]),
           "record both networks with the same batch size, or join at another layer");
}

// Widths that differ; the policy says which side is projected.
Adapted match_width(SkipWriter& w, Adapted ends, bool zero, int64_t stride,
                    std::optional<int64_t> width = std::nullopt) {
  Builder& b = w.builder();
  const int64_t from = channels(b.type(ends.source));
  const int64_t to = width ? *width : channels(b.type(ends.target));
  if (from == to && w.skip().project != Project::kAlways) return ends;
  switch (w.skip().project) {
    case Project::kNone:
      w.refuse(fmt::format("{} needs {} channels or features and gets {}, and project = \"none\" "
                           "forbids a projection",
                           w.skip().merge.rule().name, to, from),
               "project = \"source\"");
    case Project::kTarget:
      if (w.skip().start == Start::kIdentity) {
        w.refuse(
            "start = \"identity\" keeps the target as it is, and project = \"target\" changes it",
            "project = \"source\", or start = \"random\"");
      }
      ends.target = project(w, ends.target, from, false, 1);
      break;
    case Project::kSource:
    case Project::kAlways:
      ends.source = project(w, ends.source, to, zero, stride);
      ends.zero = zero;
  }
  return ends;
}

// A target whose axes are not known takes one vector per sample.
Adapted adapt_to_unknown(SkipWriter& w, Value source, Value target, bool zero) {
  Builder& b = w.builder();
  const MergeRule& rule = w.skip().merge.rule();
  if (rule.needs == Needs::kSameWidth) {
    w.refuse(rule.name + " needs to know the axes of the target",
             "merge by add or concat, state the roles of the inputs (--roles), or join at another "
             "layer");
  }
  if (w.skip().align == Align::kNone) {
    w.refuse("the axes of the target are not known, and align = \"none\" forbids spreading",
             "align = \"auto\"");
  }
  const TensorType like(b.type(source).dtype, {1, 1}, vector_roles());
  source = bridge(w, source, like, std::nullopt);
  Adapted ends{source, target};
  const TensorType& type = b.type(target);
  const size_t features = rule.per_channel ? channel_axis(type) : feature_axis(b, target);
  if (rule.needs == Needs::kSameType) {
    if (w.skip().project == Project::kTarget && features != channel_axis(type)) {
      w.refuse(
          "the features of the target are not along its last axis, and project = \"target\" "
          "changes that one",
          "project = \"source\"");
    }
    ends = match_width(w, ends, zero, 1, features < type.rank() ? type.shape[features] : 1);
  }
  ends.source = spread(w, ends.source, ends.target, features);
  return ends;
}

// Equal at every size, and nothing says that the axes mean something else.
bool needs_nothing(Builder& b, Value source, Value target) {
  const Form from = form_of(b, source), to = form_of(b, target);
  const bool known = from != Form::kOther && to != Form::kOther;
  return (!known || from == to) && alike(b, source, target);
}

// Weights for each of the last axis need one size of it at all sizes of the inputs.
void check_channels(SkipWriter& w, Value target) {
  Builder& b = w.builder();
  const MergeRule& rule = w.skip().merge.rule();
  if (!rule.per_channel || form_of(b, target) != Form::kOther) return;
  const size_t axis = channel_axis(b.type(target));
  const auto inputs = b.extents().inputs_of(target, axis);
  if (inputs.empty()) return;
  w.refuse(fmt::format("{} has weights along axis {} of the target, whose axes are not known, and "
                       "its size there follows axis {} of {}",
                       rule.name, axis, inputs[0].axis, inputs[0].input),
           "merge by add, max, mean, multiply or weighted, or join at another layer");
}

}  // namespace

Adapted adapt(SkipWriter& w, Value source, Value target) {
  Builder& b = w.builder();
  const Skip& skip = w.skip();
  const MergeRule& rule = skip.merge.rule();
  const bool zero = skip.start == Start::kIdentity && rule.identity == Identity::kZeroSource;
  if (b.type(target).rank() == 0 || b.type(source).rank() == 0) {
    w.refuse("a single number has no axes to join along", "join at another layer");
  }
  check_channels(w, target);
  source = match_dtype(w, detach(w, source), b.type(target).dtype);
  if (rule.needs == Needs::kSameType && needs_nothing(b, source, target)) {
    return match_width(w, {source, target}, zero, 1);
  }
  if (rule.needs == Needs::kSameExtent && needs_nothing(b, source, target)) {
    return {source, target};
  }
  source = for_every_sample(w, source, target);
  const Form to = form_of(b, target);
  if (to == Form::kOther || to == Form::kState) return adapt_to_unknown(w, source, target, zero);

  if (rule.needs == Needs::kVector) {
    // Any vector will do: the merge draws its own numbers from it.
    const TensorType like(b.type(source).dtype, {1, 1}, vector_roles());
    source = bridge(w, source, like, std::nullopt);
    check_batch(w, b.type(source), b.type(target));
    return {source, target};
  }
  // What is put in front or behind brings all its places, whatever grid the target has.
  source = bridge(w, source, b.type(target),
                  rule.needs == Needs::kSameWidth ? std::optional<Value>() : target);
  check_batch(w, b.type(source), b.type(target));
  if (rule.needs == Needs::kSameWidth) {
    if (extent_axes(b.type(target)).size() != 1) {
      w.refuse(rule.name + " needs an axis of time, and the target has none",
               "merge by concat or add, or join into a sequence");
    }
    return match_width(w, {source, target}, false, 1);
  }
  if (rule.needs == Needs::kSameExtent) return {align(w, source, target), target};

  // Project before growing space, after shrinking it: fewer places to project. Shrinking by a
  // whole factor and projecting are one strided convolution.
  const Comparison sizes_here = compare(b.type(source), b.type(target));
  const bool strided =
      b.type(target).is_map() && skip.align == Align::kAuto && sizes_here.factor > 1;
  const bool shrinks = sizes_here.any_larger && !sizes_here.any_smaller;
  if (shrinks && !strided) {
    return match_width(w, {align(w, source, target), target}, zero, 1);
  }
  Adapted ends = match_width(w, {source, target}, zero, strided ? sizes_here.factor : 1);
  ends.source = align(w, ends.source, ends.target);
  return ends;
}

std::optional<ops::Sizes> features_last(Builder& b, const MergeRule& rule, Value target) {
  const size_t rank = b.type(target).rank();
  if (!rule.per_channel || form_of(b, target) != Form::kOther || rank == 0) return std::nullopt;
  if (b.extents().inputs_of(target, rank - 1).empty()) return std::nullopt;
  const size_t features = feature_axis(b, target);
  if (features == rank) return std::nullopt;
  ops::Sizes order(rank);
  std::iota(order.begin(), order.end(), 0);
  const auto place = order.begin() + static_cast<std::ptrdiff_t>(features);
  std::rotate(place, place + 1, order.end());
  return order;
}

Value adapt_wire(SkipWriter& w, Value source, const TensorType& declared,
                 std::optional<Value> image) {
  Builder& b = w.builder();
  source = match_dtype(w, source, declared.dtype);
  // Same layout under other names (roles not given, say): nothing to do.
  const Form from = form_of(b, source);
  const bool known = form_of(declared) != Form::kOther && from != Form::kOther;
  if (!known && b.type(source).rank() == declared.rank()) return source;
  const bool maps = form_of(declared) == Form::kMap || form_of(declared) == Form::kMapLast;
  const bool places = from != Form::kMap && from != Form::kMapLast && maps;
  source = bridge(w, source, declared, image);
  if (places && b.type(source).elements() > 0) {
    const TensorType& type = b.type(source);
    ops::Sizes shape(declared.rank(), -1);
    bool one = true;
    for (const int64_t axis : extent_axes(declared)) {
      const auto i = static_cast<size_t>(axis);
      one = one && type.shape[i] == 1;
      shape[i] = declared.shape[i];
    }
    if (one) {
      source = w.step("one place spread over the declared size", [&](Builder& builder) {
        return builder.add("spread", ops::Expand{.shape = shape}, {source});
      });
    }
  }
  if (form_of(b.type(source)) == Form::kOther) return source;
  const int64_t width = channels(declared);
  return channels(b.type(source)) == width ? source : project(w, source, width, false, 1);
}

}  // namespace rung
