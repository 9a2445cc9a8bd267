#pragma once

#include "rung/graph/model.h"

namespace rung {

/// The network, in evaluation, without the batch norms that a neighbour can do as well: those
/// behind a Conv, ConvTranspose or Linear that nobody else reads, and those in front of a Conv
/// without padding or of a Linear. New weights and biases (their old names + ".folded") take their
/// place; they are computed in double. All weights concerned must be known, and f32.
Model fold_batch_norm(const Model& model);

}  // namespace rung
