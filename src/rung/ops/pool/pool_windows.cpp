#include "rung/ops/pool/pool_windows.h"

#include <array>
#include <limits>
#include <memory>

#include "rung/ops/fold.h"

namespace rung::onednn {
namespace {

/// Three axes, of which the first are of size 1 where the map has fewer.
struct Plan {
  std::array<int64_t, 3> size = {1, 1, 1};
  std::array<AxisWindows, 3> windows;
  int64_t planes = 0;
  int64_t inner = 1;
  int64_t pixels() const { return size[0] * size[1] * size[2]; }
  int64_t rows() const { return windows[0].size() * windows[1].size(); }
  int64_t columns() const { return windows[2].size(); }
};

Plan plan_of(const MapView& view, const std::vector<AxisWindows>& windows) {
  Plan plan{.planes = view.planes, .inner = view.inner};
  plan.windows.fill({.begin = {0}, .count = {1}, .divisor = {1}});
  const size_t missing = 3 - windows.size();
  for (size_t i = 0; i < windows.size(); ++i) {
    plan.size[missing + i] = view.space[i];
    plan.windows[missing + i] = windows[i];
  }
  return plan;
}

struct Maximum {
  static constexpr float kStart = -std::numeric_limits<float>::infinity();
  static float add(float a, float b) { return greater(a, b); }
  static float finish(float all, float) { return all; }
};
struct Average {
  static constexpr float kStart = 0;
  static float add(float so_far, float value) { return so_far + value; }
  static float finish(float all, float divisor) { return all / divisor; }
};

/// Lanes of one output. `plane` and `out` point at the first lane of its plane and of the output.
template <typename Kind, int kLanes, typename T>
inline void pool_window(const Plan& plan, const T* plane, const std::array<int64_t, 3>& at,
                        T* out) {
  const auto& [deep, high, wide] = plan.windows;
  const auto [d, h, w] = at;
  const int64_t columns = wide.count[w], inner = plan.inner, step = wide.step * inner;
  float all[kLanes];
#pragma omp simd
  for (int l = 0; l < kLanes; ++l) all[l] = Kind::kStart;
  for (int64_t i = 0; i < deep.count[d]; ++i) {
    const int64_t z = deep.begin[d] + i * deep.step;
    for (int64_t j = 0; j < high.count[h]; ++j) {
      const int64_t y = high.begin[h] + j * high.step;
      const T* x = plane + ((z * plan.size[1] + y) * plan.size[2] + wide.begin[w]) * inner;
      if (kLanes == 1 && step == 1 && columns >= 16) {
        all[0] = Kind::add(all[0], fold(x, columns, Kind::kStart, Kind::add, Kind::add));
        continue;
      }
      for (int64_t k = 0; k < columns; ++k, x += step) {
#pragma omp simd
        for (int l = 0; l < kLanes; ++l) all[l] = Kind::add(all[l], load(x + l));
      }
    }
  }
  const auto divisor = static_cast<float>(deep.divisor[d] * high.divisor[h] * wide.divisor[w]);
#pragma omp simd
  for (int l = 0; l < kLanes; ++l) store(out + l, Kind::finish(all[l], divisor));
}

/// Rows of outputs, counted through all planes.
template <typename Kind, typename T>
inline void pool_rows(const Plan& plan, const T* x, T* out, int64_t begin, int64_t end) {
  const int64_t inner = plan.inner, columns = plan.columns();
  for (int64_t row = begin; row < end; ++row) {
    const int64_t in_plane = row % plan.rows(), rows = plan.windows[1].size();
    const T* plane = x + row / plan.rows() * plan.pixels() * inner;
    T* to = out + row * columns * inner;
    in_lanes(inner, [&](auto lanes, int64_t l) {
      for (int64_t w = 0; w < columns; ++w) {
        pool_window<Kind, lanes()>(plan, plane + l, {in_plane / rows, in_plane % rows, w},
                                   to + w * inner + l);
      }
    });
  }
}

template <typename Kind, typename T>
Kernel kernel_of(Plan plan) {
  int64_t taps = 1;
  for (const AxisWindows& axis : plan.windows) {
    taps *= axis.count.empty() ? 1 : axis.count[axis.count.size() / 2];
  }
  return rows_kernel<T>(std::move(plan), taps, [](auto&&... part) { pool_rows<Kind>(part...); });
}

}  // namespace

AxisWindows adaptive_windows(int64_t in, int64_t out) {
  AxisWindows windows;
  for (int64_t i = 0; i < out; ++i) {
    const int64_t begin = i * in / out, end = ((i + 1) * in + out - 1) / out;
    windows.begin.push_back(begin);
    windows.count.push_back(end - begin);
    windows.divisor.push_back(end - begin);
  }
  return windows;
}

void pool(LowerCall& call, std::string what, ops::PoolKind kind, const MapView& view,
          const std::vector<AxisWindows>& windows, Ref from, Ref to, DType dtype) {
  Plan plan = plan_of(view, windows);
  Kernel kernel;
  with_floating(dtype, [&]<typename T>(T) {
    kernel = kind == ops::PoolKind::kMax ? kernel_of<Maximum, T>(std::move(plan))
                                         : kernel_of<Average, T>(std::move(plan));
  });
  call.kernel(std::move(what), {from}, {to}, std::move(kernel));
}

}  // namespace rung::onednn
