#include "rung/exec/eager/one_thread.h"

#include <ATen/Parallel.h>
#include <dlfcn.h>

namespace rung {
namespace {

/// Sets the threads of OpenBLAS, which LibTorch's setting does not reach, where LibTorch uses it;
/// what they were.
int set_blas_threads(int threads) {
  static const auto get =
      reinterpret_cast<int (*)()>(dlsym(RTLD_DEFAULT, "openblas_get_num_threads"));
  static const auto set =
      reinterpret_cast<void (*)(int)>(dlsym(RTLD_DEFAULT, "openblas_set_num_threads"));
  if (get == nullptr || set == nullptr) return threads;
  const int before = get();
  set(threads);
  return before;
}

}  // namespace

OneThread::OneThread() : before_(at::get_num_threads()), blas_before_(set_blas_threads(1)) {
  at::set_num_threads(1);
}

OneThread::~OneThread() {
  at::set_num_threads(before_);
  set_blas_threads(blas_before_);
}

}  // namespace rung
