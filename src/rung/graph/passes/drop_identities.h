#pragma once

#include "rung/graph/model.h"

namespace rung {

/// The network without nodes that hand their input on as it is, in evaluation: dropout, detach,
/// casts to the same type, cuts, paddings, resizes and views that change no size, joins of one
/// tensor, and views and transposes that undo each other. Weights that nobody reads then go too.
Model drop_identities(const Model& model);

}  // namespace rung
