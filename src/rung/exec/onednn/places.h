#pragma once

#include "rung/exec/onednn/draft.h"

namespace rung::onednn {

/// Lets values share memory, so that nothing is moved for a skip: what feeds a concatenation
/// writes into its piece of it (growing ones, as in a DenseNet, are pieces of the last), and a step
/// writes over an operand that nobody needs any more. Copies that have become void are gone; those
/// that an accumulating step needs are added. Each decision is a note.
/// Linear in the draft.
void share_places(Draft& draft);

}  // namespace rung::onednn
