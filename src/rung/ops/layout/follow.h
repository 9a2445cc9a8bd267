#pragma once

#include "rung/ops/import.h"

// Layouts of an imported network, written so that they hold at other input sizes too; where none
// does, they give up with ImportCall::fix.

namespace rung::ops {

/// x, of sizes `from`, with sizes `to`: flattened, reshaped, or cut up axis by axis.
Ref reshape_to(ImportCall& call, Ref x, Dims from, const Dims& to);

/// Axis `axis` of x in parts of these sizes, of which one may vary.
Ref split_axis(ImportCall& call, Ref x, size_t axis, const Dims& parts);

/// x with axis `axis` as parts of these sizes, where it was flattened from them and nothing since
/// has mixed its places: what was done to x, on what was not flattened.
std::optional<Ref> unflattened(ImportCall& call, Ref x, size_t axis, const Dims& parts);

/// x with its axes of one spread to these sizes, and new axes in front.
Ref broadcast_to(ImportCall& call, Ref x, const Dims& sizes);

/// A tensor of zeros of these sizes, whatever they are when the graph runs.
Ref zeros_of(ImportCall& call, const Dims& sizes, DType dtype);

/// A position, as Python counts: negative ones from the end, those outside clamped. Where the place
/// is the same at every size, it stays as it was written.
Dim resolve_position(Dim place, const Dim& size);

/// x[begin:end:step] along an axis of this size; begin and end are resolved, step > 0.
Ref cut(ImportCall& call, Ref x, size_t axis, const Dim& size, const Dim& begin, const Dim& end,
        int64_t step);

/// The place of an entry of an axis of this size, from the end where only that stays the same.
int64_t place_of(ImportCall& call, const Dim& index, const Dim& size);

/// x, of these sizes, with a border: begin and end per axis, negative ones cut.
Ref pad(ImportCall& call, Ref x, const Dims& sizes, const Dims& begin, const Dims& end,
        PadMode mode, double value);

}  // namespace rung::ops
