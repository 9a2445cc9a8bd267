#pragma once

#include <string>

#include "rung/exec/onednn/program.h"

namespace rung {

/// What the machine can do at most, measured.
struct Peak {
  double gflops = 0;  ///< a multiply-add counts as two
  std::string how;    ///< "AVX-512 multiply-adds"
};

/// Multiply-adds on registers alone, as many as the widest vectors allow, by that many threads at
/// once for about a fifth of a second; bf16: the CPU's dot products of bf16 where it has them (of
/// AVX512-BF16; tiles of AMX would be faster still). 0 threads: every usable core.
Peak measure_peak(Precision precision, int threads);

}  // namespace rung
