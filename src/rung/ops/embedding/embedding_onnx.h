#pragma once

#include "rung/ops/onnx.h"

namespace rung::ops {

/// Indices that count from the end where they are negative, made to count from the beginning.
Ref from_begin(OnnxCall& call, size_t i, const Dim& size);

/// Tuples of indices along the leading axes, which become one axis.
struct Flat {
  Ref x, index;
  Sizes leading;  ///< sizes of x's axes that are indexed
};
Flat flattened(OnnxCall& call, size_t batch);

OnnxResult scatter_elements(OnnxCall& call);
OnnxResult scatter_nd(OnnxCall& call);
OnnxResult tensor_scatter(OnnxCall& call);
OnnxResult reverse_sequence(OnnxCall& call);
OnnxResult tfidf_vectorizer(OnnxCall& call);

}  // namespace rung::ops
