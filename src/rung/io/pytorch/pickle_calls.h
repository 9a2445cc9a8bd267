#pragma once

#include "rung/io/pytorch/pickle.h"

namespace rung {

/// Whether a pickle may name `global` ("collections.OrderedDict").
bool is_known_global(std::string_view global);

/// What Python would get from calling a known global with the tuple `arguments`; a null pointer
/// where it is not to be called, or not with these.
PickleObject* call_known(std::string_view global, const PickleObject& arguments, Pickle& pickle);

/// A persistent id of PyTorch as the storage that it stands for; a null pointer where it is none.
PickleObject* storage_of(const PickleObject& id, Pickle& pickle);

}  // namespace rung
