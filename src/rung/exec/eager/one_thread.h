#pragma once

namespace rung {

/// One thread for LibTorch's operators, for as long as this lives. To follow a network is to run it
/// often, at small sizes: several threads would wait for each other longer than they work, and
/// where the machine has other work, ten times as long.
class OneThread {
 public:
  OneThread();
  ~OneThread();
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
  int blas_before_;  ///< OpenBLAS's own threads
};

}  // namespace rung
