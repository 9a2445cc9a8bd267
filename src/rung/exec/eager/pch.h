#pragma once
// Precompiled for every LibTorch target: torch/torch.h takes over ten seconds to read.
#include <torch/torch.h>
