#pragma once

#include "rung/ops/onednn.h"

namespace rung::onednn {

/// A value of these sizes from one form into another: layout, and f32 <-> bf16. `in` and `out` are
/// the caller's to set.
Step reorder_step(const Shape& shape, Form from, Form to);
/// Bytes as they are.
Step copy_step(int64_t bytes);
/// A row-major tensor in another form.
Tensor converted(const Tensor& tensor, Form form);
/// The bytes of a value as `from` says, in the order that `to` asks for; `threads` of the caller.
Tensor packed_as(const Tensor& value, const dnnl::memory::desc& from, const dnnl::memory::desc& to);

}  // namespace rung::onednn
