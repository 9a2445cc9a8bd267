#pragma once

#include <vector>

#include "rung/join/adapt.h"

namespace rung {

// Values whose axes are not known: windows, attention heads, tables.

/// The axes of inputs that are batches.
std::vector<InputAxis> batches(const Graph& graph);

/// One vector per sample, [N, F, 1]: the mean, or the maximum, over all axes but the batch and
/// `feature_axis`. Refuses where no axis holds the batch.
Value pooled(SkipWriter& writer, Value source);

/// A source that has no batch, and is the same for every sample (a table, a mask), as [N, …] with
/// the target's N. Other sources, and those of targets without a batch, stay as they are.
Value for_every_sample(SkipWriter& writer, Value source, Value target);

/// Where the features of a value are whose axes are not known: its channels, else the last axis of
/// which nothing is known and whose size follows no input, else the last whose size follows none.
/// The rank where there is none: the value has one number per sample then.
size_t feature_axis(Builder& builder, Value value);

/// Lays a vector [N, F] out as a value whose axes are not known: the features along that axis (the
/// rank: F is 1), each sample's over all that belongs to the sample. Refuses where no axis holds
/// the batch.
Value spread(SkipWriter& writer, Value vector, Value target, size_t features);

}  // namespace rung
