#include "rung/ops/resize/resample.h"

#include <array>
#include <cmath>
#include <cstring>
#include <memory>
#include <numeric>

#include "rung/ops/fold.h"

namespace rung::onednn {
namespace {

float scale_of(int64_t in, int64_t out, double factor, bool align_corners) {
  if (align_corners) {
    return out > 1 ? static_cast<float>(in - 1) / static_cast<float>(out - 1) : 0.0F;
  }
  if (factor > 0) return static_cast<float>(1.0 / factor);
  return static_cast<float>(in) / static_cast<float>(out);
}

/// Where output i lies among the inputs.
float place_of(int64_t i, float scale, bool align_corners) {
  const auto at = static_cast<float>(i);
  return align_corners ? scale * at : scale * (at + 0.5F) - 0.5F;
}

AxisTaps kept(int64_t size) {
  AxisTaps axis{.in = size, .out = size};
  axis.index.resize(static_cast<size_t>(size));
  std::iota(axis.index.begin(), axis.index.end(), int64_t{0});
  return axis;
}

AxisTaps weighted(int64_t in, int64_t out, int64_t taps) {
  const auto count = static_cast<size_t>(out * taps);
  return {.in = in,
          .out = out,
          .taps = taps,
          .index = std::vector<int64_t>(count),
          .weight = std::vector<float>(count)};
}

std::array<float, 4> cubic_weights(float t) {
  constexpr float kA = -0.75F;
  const auto near = [](float x) { return ((kA + 2) * x - (kA + 3)) * x * x + 1; };
  const auto far = [](float x) { return ((kA * x - 5 * kA) * x + 8 * kA) * x - 4 * kA; };
  return {far(t + 1), near(t), near(1 - t), far(2 - t)};
}

/// Three axes, of which the first are of size 1 where the map has fewer.
struct Plan {
  std::array<AxisTaps, 3> axes = {kept(1), kept(1), kept(1)};
  int64_t planes = 0;
  int64_t inner = 1;
  int64_t pixels() const { return axes[0].in * axes[1].in * axes[2].in; }
  int64_t rows() const { return axes[0].out * axes[1].out; }
  int64_t columns() const { return axes[2].out; }
  /// Where a row of the input begins, in pixels.
  int64_t row_at(int64_t plane, int64_t z, int64_t y) const {
    return plane * pixels() + (z * axes[1].in + y) * axes[2].in;
  }
};

// Copies: rows of pixels of `kBytes` bytes, or of any number where that is 0.

template <size_t kBytes>
struct Pixel {
  std::byte bytes[kBytes];
};

template <size_t kBytes>
inline void copy_row(const std::byte* x, std::byte* out, const AxisTaps& axis) {
  const auto* from = reinterpret_cast<const Pixel<kBytes>*>(x);
  auto* to = reinterpret_cast<Pixel<kBytes>*>(out);
  const int64_t* index = axis.index.data();
  const int64_t count = axis.out;
  for (int64_t i = 0; i < count; ++i) to[i] = from[index[i]];
}

/// Each element twice: the commonest resize of a plain map.
template <typename T>
inline void double_row(const std::byte* x, std::byte* out, const AxisTaps& axis) {
  const auto* from = reinterpret_cast<const T*>(x);
  auto* to = reinterpret_cast<T*>(out);
  const int64_t count = axis.in;
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    const T value = from[i];
    to[2 * i] = value;
    to[2 * i + 1] = value;
  }
}

void copy_any_row(const std::byte* x, std::byte* out, const AxisTaps& axis, int64_t bytes) {
  for (int64_t i = 0; i < axis.out; ++i) {
    std::memcpy(out + i * bytes, x + axis.index[static_cast<size_t>(i)] * bytes,
                static_cast<size_t>(bytes));
  }
}

using CopyRow = std::function<void(const std::byte*, std::byte*, const AxisTaps&)>;

bool doubles(const AxisTaps& axis) {
  if (axis.out != 2 * axis.in) return false;
  for (size_t i = 0; i < axis.index.size(); ++i) {
    if (axis.index[i] != static_cast<int64_t>(i / 2)) return false;
  }
  return true;
}

CopyRow copy_row_of(const AxisTaps& axis, int64_t bytes) {
  if (axis.keeps()) {
    return [bytes](const std::byte* x, std::byte* out, const AxisTaps& kept) {
      std::memcpy(out, x, static_cast<size_t>(kept.out * bytes));
    };
  }
  switch (bytes) {
    case 1:
      return copy_row<1>;
    case 2:
      return doubles(axis) ? double_row<uint16_t> : copy_row<2>;
    case 4:
      return doubles(axis) ? double_row<uint32_t> : copy_row<4>;
    case 8:
      return copy_row<8>;
    case 16:
      return copy_row<16>;
    case 32:
      return copy_row<32>;
    case 64:
      return copy_row<64>;
    default:
      return [bytes](const std::byte* x, std::byte* out, const AxisTaps& other) {
        copy_any_row(x, out, other, bytes);
      };
  }
}

/// Rows of outputs, counted through all planes.
void copy_rows(const Plan& plan, const CopyRow& copy, const std::byte* x, std::byte* out,
               int64_t pixel_bytes, int64_t begin, int64_t end) {
  const auto& [deep, high, wide] = plan.axes;
  const int64_t row_bytes = wide.out * pixel_bytes;
  int64_t last = -1;
  for (int64_t row = begin; row < end; ++row) {
    const int64_t in_plane = row % plan.rows();
    const int64_t z = deep.index[static_cast<size_t>(in_plane / high.out)];
    const int64_t y = high.index[static_cast<size_t>(in_plane % high.out)];
    const int64_t from = plan.row_at(row / plan.rows(), z, y);
    std::byte* to = out + row * row_bytes;
    if (from == last) {
      std::memcpy(to, to - row_bytes, static_cast<size_t>(row_bytes));
    } else {
      copy(x + from * pixel_bytes, to, wide);
    }
    last = from;
  }
}

Kernel copy_kernel(Plan plan, int64_t pixel_bytes) {
  const int64_t grain = grain_of(plan.columns() * pixel_bytes / 16);
  const auto shared = std::make_shared<const Plan>(std::move(plan));
  const CopyRow copy = copy_row_of(shared->axes[2], pixel_bytes);
  return [shared, copy, pixel_bytes, grain](const Pointers& p) {
    parallel_for(shared->planes * shared->rows(), grain, [&](int64_t begin, int64_t end) {
      copy_rows(*shared, copy, p.in[0], p.out[0], pixel_bytes, begin, end);
    });
  };
}

// Weighted sums.

/// The rows that one row of outputs is made of.
template <typename T>
struct SourceRows {
  std::array<const T*, 16> row;
  std::array<float, 16> weight;
  int64_t count = 0;
};

template <typename T>
inline SourceRows<T> source_rows(const Plan& plan, const T* x, int64_t row) {
  const auto& [deep, high, wide] = plan.axes;
  const int64_t in_plane = row % plan.rows();
  const auto weight = [](const AxisTaps& axis, int64_t at) {
    return axis.taps == 1 ? 1.0F : axis.weight[static_cast<size_t>(at)];
  };
  SourceRows<T> out;
  for (int64_t i = 0; i < deep.taps; ++i) {
    const int64_t z = i * deep.out + in_plane / high.out;
    for (int64_t j = 0; j < high.taps; ++j) {
      const int64_t y = j * high.out + in_plane % high.out;
      const auto n = static_cast<size_t>(out.count++);
      out.row[n] = x + plan.row_at(row / plan.rows(), deep.index[static_cast<size_t>(z)],
                                   high.index[static_cast<size_t>(y)]) *
                           plan.inner;
      out.weight[n] = weight(deep, z) * weight(high, y);
    }
  }
  return out;
}

/// Lanes of a row whose pixels are several channels side by side.
template <int kLanes, typename T>
inline void weigh_lanes(const Plan& plan, const SourceRows<T>& rows, T* out, int64_t offset) {
  const AxisTaps& wide = plan.axes[2];
  const int64_t* index = wide.index.data();
  const float* weight = wide.weight.data();
  const int64_t columns = wide.out, taps = wide.taps, inner = plan.inner;
  for (int64_t w = 0; w < columns; ++w) {
    float all[kLanes];
#pragma omp simd
    for (int l = 0; l < kLanes; ++l) all[l] = 0;
    for (int64_t k = 0; k < taps; ++k) {
      const int64_t at = index[k * columns + w] * inner + offset;
      const float share = taps == 1 ? 1.0F : weight[k * columns + w];
      for (int64_t r = 0; r < rows.count; ++r) {
        const T* x = rows.row[static_cast<size_t>(r)] + at;
        const float factor = rows.weight[static_cast<size_t>(r)] * share;
#pragma omp simd
        for (int l = 0; l < kLanes; ++l) all[l] += factor * load(x + l);
      }
    }
    T* to = out + w * inner + offset;
#pragma omp simd
    for (int l = 0; l < kLanes; ++l) store(to + l, all[l]);
  }
}

/// A row of single values: vectors run along it.
template <typename T>
inline void weigh_line(const Plan& plan, const SourceRows<T>& rows, T* out) {
  constexpr int64_t kTile = 128;
  const AxisTaps& wide = plan.axes[2];
  const int64_t columns = wide.out, taps = wide.taps;
  for (int64_t begin = 0; begin < columns; begin += kTile) {
    const int64_t count = std::min(kTile, columns - begin);
    float all[kTile] = {};
    for (int64_t r = 0; r < rows.count; ++r) {
      const T* x = rows.row[static_cast<size_t>(r)];
      const float factor = rows.weight[static_cast<size_t>(r)];
      for (int64_t k = 0; k < taps; ++k) {
        const int64_t* index = wide.index.data() + k * columns + begin;
        if (taps == 1) {
#pragma omp simd
          for (int64_t i = 0; i < count; ++i) all[i] += factor * load(x + index[i]);
          continue;
        }
        const float* weight = wide.weight.data() + k * columns + begin;
#pragma omp simd
        for (int64_t i = 0; i < count; ++i) all[i] += factor * weight[i] * load(x + index[i]);
      }
    }
    T* to = out + begin;
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) store(to + i, all[i]);
  }
}

template <typename T>
inline void weigh_rows(const Plan& plan, const T* x, T* out, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    const auto sources = source_rows(plan, x, row);
    T* to = out + row * plan.columns() * plan.inner;
    if (plan.inner == 1) {
      weigh_line(plan, sources, to);
      continue;
    }
    in_lanes(plan.inner,
             [&](auto lanes, int64_t offset) { weigh_lanes<lanes()>(plan, sources, to, offset); });
  }
}

template <typename T>
Kernel weighing_kernel(Plan plan) {
  const int64_t taps = plan.axes[0].taps * plan.axes[1].taps * plan.axes[2].taps;
  return rows_kernel<T>(std::move(plan), taps, [](auto&&... part) { weigh_rows(part...); });
}

}  // namespace

bool AxisTaps::keeps() const {
  if (in != out || taps != 1) return false;
  for (size_t i = 0; i < index.size(); ++i) {
    if (index[i] != static_cast<int64_t>(i)) return false;
  }
  return true;
}

AxisTaps nearest_taps(int64_t in, int64_t out) {
  if (in == out) return kept(in);
  AxisTaps axis{.in = in, .out = out};
  const float scale = scale_of(in, out, 0, false);
  for (int64_t i = 0; i < out; ++i) {
    const auto place = static_cast<int64_t>(std::floor(static_cast<float>(i) * scale));
    axis.index.push_back(out == 2 * in ? i / 2 : std::min(place, in - 1));
  }
  return axis;
}

AxisTaps nearest_taps(int64_t in, int64_t out, double factor, bool wide) {
  AxisTaps axis{.in = in, .out = out};
  const double step = 1 / factor;
  for (int64_t i = 0; i < out; ++i) {
    const double exact = static_cast<double>(i) * step;
    const float rounded = static_cast<float>(i) * static_cast<float>(step);
    const double place = std::floor(wide ? exact : static_cast<double>(rounded));
    axis.index.push_back(std::min(static_cast<int64_t>(place), in - 1));
  }
  return axis;
}

AxisTaps linear_taps(int64_t in, int64_t out, double factor, bool align_corners) {
  if (in == out) return kept(in);
  AxisTaps axis = weighted(in, out, 2);
  const float scale = scale_of(in, out, factor, align_corners);
  for (int64_t i = 0; i < out; ++i) {
    const float place = std::max(0.0F, place_of(i, scale, align_corners));
    const auto first = std::min(static_cast<int64_t>(place), in - 1);
    const auto at = static_cast<size_t>(i), next = static_cast<size_t>(out + i);
    axis.index[at] = first;
    axis.index[next] = std::min(first + 1, in - 1);
    axis.weight[next] = place - static_cast<float>(first);
    axis.weight[at] = 1.0F - axis.weight[next];
  }
  return axis;
}

AxisTaps cubic_taps(int64_t in, int64_t out, double factor, bool align_corners) {
  if (in == out && (factor == 0 || align_corners)) return kept(in);
  AxisTaps axis = weighted(in, out, 4);
  const float scale = scale_of(in, out, factor, align_corners);
  for (int64_t i = 0; i < out; ++i) {
    const float place = place_of(i, scale, align_corners);
    const float whole = std::floor(place);
    const auto weights = cubic_weights(place - whole);
    for (int64_t k = 0; k < 4; ++k) {
      const auto at = static_cast<size_t>(k * out + i);
      axis.index[at] = std::clamp<int64_t>(static_cast<int64_t>(whole) - 1 + k, 0, in - 1);
      axis.weight[at] = weights[static_cast<size_t>(k)];
    }
  }
  return axis;
}

void resample(LowerCall& call, std::string what, const MapView& view,
              const std::vector<AxisTaps>& axes, Ref from, Ref to, DType dtype) {
  Plan plan{.planes = view.planes, .inner = view.inner};
  std::copy(axes.begin(), axes.end(), plan.axes.end() - static_cast<int64_t>(axes.size()));
  Kernel kernel;
  if (std::all_of(axes.begin(), axes.end(), [](const AxisTaps& axis) { return axis.taps == 1; })) {
    const int64_t bytes = view.inner * size_of(dtype);
    kernel = copy_kernel(std::move(plan), bytes);
  } else {
    with_floating(dtype, [&]<typename T>(T) { kernel = weighing_kernel<T>(std::move(plan)); });
  }
  call.kernel(std::move(what), {from}, {to}, std::move(kernel));
}

}  // namespace rung::onednn
