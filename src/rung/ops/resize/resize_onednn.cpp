#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "rung/ops/fold.h"
#include "rung/ops/pool/pool_windows.h"
#include "rung/ops/resize/resample.h"

namespace rung::ops {
namespace {

using onednn::AxisTaps;
using onednn::Form;
using onednn::Layout;
using onednn::MapView;
using onednn::Ref;

/// What is to become of the axes of a view.
struct Job {
  ResizeMode mode = ResizeMode::kNearest;
  bool align_corners = false;
  Sizes size;                 ///< one per axis
  std::vector<double> scale;  ///< by which the size was given, or empty
  DType dtype = DType::kF32;  ///< the graph's
};

AxisTaps taps_of(const Job& job, size_t axis, int64_t in) {
  const auto fraction = [](double factor) { return factor != std::floor(factor); };
  const int64_t out = job.size[axis];
  const double factor = job.scale.empty() ? 0 : job.scale[axis];
  switch (job.mode) {
    case ResizeMode::kNearest:
      return std::any_of(job.scale.begin(), job.scale.end(), fraction)
                 ? onednn::nearest_taps(in, out, factor, job.dtype == DType::kF64)
                 : onednn::nearest_taps(in, out);
    case ResizeMode::kLinear:
      return onednn::linear_taps(in, out, factor, job.align_corners);
    default:
      return onednn::cubic_taps(in, out, factor, job.align_corners);
  }
}

std::vector<AxisTaps> taps_of(const Job& job, const Shape& space) {
  std::vector<AxisTaps> axes;
  for (size_t i = 0; i < space.size(); ++i) axes.push_back(taps_of(job, i, space[i]));
  return axes;
}

void add_resize(onednn::LowerCall& call, const Job& job, const MapView& view, Ref from, Ref to,
                DType stored) {
  const auto what = fmt::format("resize, {}, to {}", names(job.mode)[static_cast<size_t>(job.mode)],
                                fmt::join(job.size, "x"));
  if (job.mode != ResizeMode::kArea) {
    onednn::resample(call, what, view, taps_of(job, view.space), from, to, stored);
    return;
  }
  std::vector<onednn::AxisWindows> windows;
  for (size_t i = 0; i < view.space.size(); ++i) {
    windows.push_back(onednn::adaptive_windows(view.space[i], job.size[i]));
  }
  onednn::pool(call, what, PoolKind::kAverage, view, windows, from, to, stored);
}

/// Axes from `begin` to `end` of a row-major value.
MapView axes_view(const Shape& shape, size_t begin, size_t end) {
  const auto product = [&](size_t from, size_t to) {
    return std::accumulate(shape.begin() + static_cast<int64_t>(from),
                           shape.begin() + static_cast<int64_t>(to), int64_t{1},
                           std::multiplies<>());
  };
  return {.planes = product(0, begin),
          .space = Shape(shape.begin() + static_cast<int64_t>(begin),
                         shape.begin() + static_cast<int64_t>(end)),
          .inner = product(end, shape.size())};
}

/// Where a run of axes that change, without one between them that does not, begins and ends.
struct Run {
  size_t begin, end;
};
std::vector<Run> changed_runs(const Shape& from, const Shape& to) {
  std::vector<Run> runs;
  for (size_t axis = 0; axis < from.size(); ++axis) {
    if (from[axis] == to[axis]) continue;
    if (!runs.empty() && runs.back().end == axis) {
      ++runs.back().end;
    } else {
      runs.push_back({axis, axis + 1});
    }
  }
  return runs;
}

/// In row-major form, run by run: every mode works on one axis after the other.
void resize_plain(onednn::LowerCall& call, Job job, const std::vector<Run>& runs) {
  const Form form{call.form(0).dtype, Layout::kPlain};
  const Shape& wanted = call.out_type().shape;
  Shape shape = call.in_type(0).shape;
  Ref value = call.in(0, form);
  for (size_t i = 0; i < runs.size(); ++i) {
    const auto [begin, end] = runs[i];
    const MapView view = axes_view(shape, begin, end);
    std::copy(wanted.begin() + static_cast<int64_t>(begin),
              wanted.begin() + static_cast<int64_t>(end),
              shape.begin() + static_cast<int64_t>(begin));
    job.size = Sizes(shape.begin() + static_cast<int64_t>(begin),
                     shape.begin() + static_cast<int64_t>(end));
    const Ref next = i + 1 == runs.size() ? call.out(0, form) : call.temporary(shape, form);
    add_resize(call, job, view, value, next, form.dtype);
    value = next;
  }
}

void need_type(onednn::LowerCall& call, ResizeMode mode) {
  if (mode != ResizeMode::kNearest) onednn::need_f32(call, "resizes other than nearest");
}

}  // namespace

void lower(const Resize& op, onednn::LowerCall& call) {
  need_type(call, op.mode);
  const Shape& out = call.out_type().shape;
  const Form form = call.form(0);
  const MapView view = onednn::map_view(call.in_type(0).shape, form.layout);
  const Job job{.mode = op.mode,
                .align_corners = op.align_corners,
                .size = Sizes(out.begin() + 2, out.end()),
                .scale = op.size.empty() ? op.scale : std::vector<double>(),
                .dtype = call.in_type(0).dtype};
  const Ref x = call.in(0);
  const auto taps =
      job.mode == ResizeMode::kArea ? std::vector<AxisTaps>() : taps_of(job, view.space);
  const bool same = view.space == job.size &&
                    std::all_of(taps.begin(), taps.end(), std::mem_fn(&AxisTaps::keeps));
  if (same) return call.out_is(0, x, form);
  add_resize(call, job, view, x, call.out(0, form), form.dtype);
}

void lower(const ResizeLike& op, onednn::LowerCall& call) {
  const Shape& from = call.in_type(0).shape;
  const Shape& to = call.out_type().shape;
  const Form form = call.form(0);
  if (from == to) return call.out_is(0, call.in(0), form);
  need_type(call, op.mode);
  Job job{.mode = op.mode, .align_corners = op.align_corners, .dtype = call.in_type(0).dtype};
  const std::vector<Run> runs = changed_runs(from, to);
  if (form.layout != Layout::kBlocked || runs[0].begin < 2) return resize_plain(call, job, runs);
  job.size = Sizes(to.begin() + 2, to.end());
  add_resize(call, job, onednn::map_view(from, form.layout), call.in(0), call.out(0, form),
             form.dtype);
}

}  // namespace rung::ops
