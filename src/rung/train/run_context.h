#pragma once

#include <torch/torch.h>

#include "rung/train/dataset.h"
#include "rung/train/options.h"

namespace rung {

/// Autocast to bf16 while it lives, where the options ask for it.
class Autocast {
 public:
  explicit Autocast(const TrainOptions& options);
  ~Autocast();
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  bool on_;
  bool cpu_;
};

/// On the device, and maps in the memory layout that the options ask for.
Batch placed(const Batch& batch, const TrainOptions& options);

}  // namespace rung
