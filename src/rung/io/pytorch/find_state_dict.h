#pragma once

#include <string>

#include "rung/io/pytorch/pickle.h"

namespace rung {

struct FoundDict {
  const PickleObject* dict = nullptr;
  std::string note;  ///< as of StateDict
};

/// The dict of tensors that a checkpoint is about; see load_pth. `file` is for messages.
FoundDict find_state_dict(const PickleObject& root, const std::string& key,
                          const std::string& file);

}  // namespace rung
