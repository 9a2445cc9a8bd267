#include "rung/join/per_sample.h"

#include <algorithm>
#include <limits>

#include "rung/base/error.h"

namespace rung {

std::vector<InputAxis> batches(const Graph& graph) {
  std::vector<InputAxis> out;
  for (const NodeId id : graph.inputs()) {
    for (const size_t axis : graph.type({id, 0}).axes_of(Role::kBatch)) {
      out.push_back({graph.node(id).name, axis});
    }
  }
  return out;
}

namespace {

using ops::Sizes;

constexpr size_t kNoAxis = std::numeric_limits<size_t>::max();

/// The axis that holds the batch (kNoAxis: a table, the same for every sample), and how many rows of
/// it belong to one sample.
struct BatchAxis {
  size_t axis;
  int64_t times;
};

// Of a network that takes a single sample alone, everything belongs to it.
std::optional<BatchAxis> held_batch(const Graph& graph, Value value) {
  const TensorType& type = graph.type(value);
  if (type.has(Role::kBatch)) return BatchAxis{type.axis_of(Role::kBatch), 1};
  if (type.rank() < 2) return std::nullopt;
  const auto network = model_of(graph.node(value.node).name);
  for (const NodeId id : graph.inputs()) {
    if (model_of(graph.node(id).name) != network) continue;
    const auto& input = *graph.op_as<ops::Input>(id);
    const size_t axis = input.type.axis_of(Role::kBatch);
    const auto& fixed = input.fixed;
    const bool held =
        std::find(fixed.begin(), fixed.end(), static_cast<int64_t>(axis)) != fixed.end();
    if (axis < input.type.rank() && held && input.type.shape[axis] == 1) {
      return BatchAxis{0, type.shape[0]};
    }
  }
  return std::nullopt;
}

bool follows_batch(Builder& b, Value value) {
  for (size_t axis = 0; axis < b.type(value).rank(); ++axis) {
    for (const InputAxis& of : b.extents().inputs_of(value, axis)) {
      for (const InputAxis& batch : batches(b.graph())) {
        if (of == batch) return true;
      }
    }
  }
  return false;
}

// The only axis that follows a batch, where it is a whole multiple of it.
std::optional<BatchAxis> batch_axis(Builder& b, Value value) {
  const TensorType& type = b.type(value);
  const Extents& extents = b.extents();
  std::optional<BatchAxis> found;
  for (const InputAxis& batch : batches(b.graph())) {
    for (size_t axis = 0; axis < type.rank(); ++axis) {
      const auto times = extents.multiple_of(batch, value, axis);
      if (!times) continue;
      if (!*times || **times < 1 || (found && found->axis != axis)) return std::nullopt;
      found = {axis, **times};
    }
  }
  if (!found) found = held_batch(b.graph(), value);
  if (!found && !follows_batch(b, value)) return BatchAxis{kNoAxis, 1};
  return found;
}

// Where the features of a value are whose axes are not known: its channels, else the last axis that
// nothing is known of and that has one size at every input size, else the last of one size.
std::optional<size_t> feature_axis(Builder& b, Value value, size_t batch) {
  const TensorType& type = b.type(value);
  std::optional<size_t> unknown, any;
  for (size_t i = type.rank(); i-- > 0;) {
    if (i == batch || !b.extents().inputs_of(value, i).empty()) continue;
    const Role role = type.roles[i];
    if (role == Role::kChannel || role == Role::kFeature) return i;
    if (role == Role::kNone && !unknown) unknown = i;
    if (!any) any = i;
  }
  return unknown ? unknown : any;
}

}  // namespace

Value pooled(SkipWriter& w, Value x) {
  const TensorType type = w.builder().type(x);
  const auto batch = batch_axis(w.builder(), x);
  if (!batch) {
    w.refuse("the axes of the source are not known, and none of them is the batch of an input",
             "state the roles of the inputs (--roles), or join from another layer");
  }
  if (!is_floating(type.dtype)) {
    w.refuse(fmt::format("the axes of the source are not known, and {} cannot be averaged",
                         name(type.dtype)),
             "join from a layer of floating numbers");
  }
  if (w.skip().collapse == Collapse::kLast) {
    w.refuse("collapse = \"last\" takes the last step of a sequence, and the source is none",
             "collapse = \"mean\" or \"max\"");
  }
  const bool mean = w.skip().collapse == Collapse::kMean;
  const auto found = feature_axis(w.builder(), x, batch->axis);
  const size_t features = found.value_or(type.rank());
  const std::string why =
      fmt::format("axes not known: the {} of each sample, {}", mean ? "mean" : "maximum",
                  !found                        ? "one number"
                  : features + 1 == type.rank() ? "features along the last"
                                                : fmt::format("features along axis {}", features));
  return w.step(why, [&](Builder& b) {
    if (!found) {
      x = b.add("feature", ops::Unsqueeze{.axes = {static_cast<int64_t>(features)}}, {x});
    }
    Sizes folded;
    for (size_t i = 0; i < type.rank(); ++i) {
      if (i != batch->axis && i != features) folded.push_back(static_cast<int64_t>(i));
    }
    const auto kind = mean ? ops::ReduceKind::kMean : ops::ReduceKind::kMax;
    if (!folded.empty()) x = b.add("rows", ops::Reduce{.kind = kind, .axes = folded}, {x});
    if (batch->axis != kNoAxis && features < batch->axis) {
      x = b.add("batch_first", ops::Transpose{.order = {1, 0}}, {x});
    }
    const int64_t width = b.type(x).shape.back();
    x = b.add("samples", ops::Reshape{.shape = {-1, batch->times, width}}, {x});
    x = b.add("turned", ops::Transpose{.order = {0, 2, 1}}, {x});
    return b.add("pooled",
                 ops::AdaptivePool{.kind = mean ? ops::PoolKind::kAverage : ops::PoolKind::kMax,
                                   .size = {1}},
                 {x});
  });
}

Value for_every_sample(SkipWriter& w, Value source, Value target) {
  Builder& b = w.builder();
  const auto batch = batch_axis(b, target);
  const auto own = batch_axis(b, source);
  if (!batch || batch->axis == kNoAxis || !own || own->axis != kNoAxis) return source;
  return w.step("the same for every sample", [&](Builder& builder) {
    const Value one = builder.add("one_sample", ops::Unsqueeze{.axes = {0}}, {source});
    return builder.add(
        "for_every_sample",
        ops::ResizeLike{.axes = {0}, .like_axes = {static_cast<int64_t>(batch->axis)}},
        {one, target});
  });
}

size_t feature_axis(Builder& b, Value target) {
  const size_t rank = b.type(target).rank();
  const auto batch = batch_axis(b, target);
  return batch ? feature_axis(b, target, batch->axis).value_or(rank) : rank;
}

Value spread(SkipWriter& w, Value vector, Value target, size_t features) {
  const TensorType type = w.builder().type(target);
  const auto batch = batch_axis(w.builder(), target);
  const bool table = batch && batch->axis == kNoAxis;
  if (!batch || features == batch->axis || (table && follows_batch(w.builder(), vector))) {
    w.refuse("the axes of the target are not known, and none of them is the batch of an input",
             "state the roles of the inputs (--roles), or join at another layer");
  }
  const TensorType from = w.builder().type(vector);
  if (!table && from.shape[0] * batch->times != type.shape[batch->axis]) {
    w.refuse(fmt::format("both ends need one batch size, and {} meets {}", from.shape[0],
                         type.shape[batch->axis] / batch->times),
             "record both networks with the same batch size, or join at another layer");
  }
  return w.step("axes not known: each sample's vector everywhere in it", [&](Builder& b) {
    Value x = vector;
    if (batch->times > 1) {
      x = b.add("sample", ops::Unsqueeze{.axes = {1}}, {x});
      x = b.add("repeated", ops::Expand{.shape = {-1, batch->times, -1}}, {x});
    }
    if (!table && features < batch->axis) {
      if (batch->times > 1) x = b.flatten("rows", x, 0, 1);
      x = b.add("features_first", ops::Transpose{.order = {1, 0}}, {x});
    }
    Sizes shape(type.rank(), 1), sizes(type.rank(), -1), varying;
    if (!table) shape[batch->axis] = -1;
    if (features < type.rank()) shape[features] = from.shape[1];
    x = b.add("place", ops::Reshape{.shape = shape}, {x});
    for (size_t i = 0; i < type.rank(); ++i) {
      if (i == batch->axis || i == features) continue;
      if (b.extents().inputs_of(target, i).empty()) {
        sizes[i] = type.shape[i];
      } else {
        varying.push_back(static_cast<int64_t>(i));
      }
    }
    if (sizes != Sizes(type.rank(), -1)) x = b.add("spread", ops::Expand{.shape = sizes}, {x});
    while (!varying.empty()) {  // a resize takes three axes
      const Sizes some(varying.begin(),
                       varying.begin() + std::min<std::ptrdiff_t>(3, std::ssize(varying)));
      varying.erase(varying.begin(), varying.begin() + std::ssize(some));
      x = b.add("along", ops::ResizeLike{.axes = some, .like_axes = some}, {x, target});
    }
    return x;
  });
}

}  // namespace rung
