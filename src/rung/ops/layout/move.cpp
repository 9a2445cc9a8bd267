#include "rung/ops/layout/move.h"

#include <cstring>
#include <utility>

#include "rung/base/error.h"

namespace rung::onednn {
namespace {

constexpr int64_t kUnitBytes = 16 << 10;
constexpr int64_t kTile = 16;
constexpr size_t kMaxAxes = 40;
using Pattern = std::array<std::byte, 64>;

/// A rectangle of memory that is linear along each axis, outermost first.
struct Box {
  std::vector<MoveAxis> axes;
  int64_t from = 0, to = 0;
};

// Where two views are cut so that both are linear.

/// Entries of one axis that lie within one block on both sides.
struct Run {
  int64_t size = 0, from = 0, to = 0;
};

std::vector<Run> runs_of(const View::Axis& from, const View::Axis& to) {
  std::vector<Run> runs;
  for (int64_t begin = 0; begin < from.size;) {
    int64_t end = begin + 1;
    while (end < from.size && from.block_of(end) == from.block_of(begin) &&
           to.block_of(end) == to.block_of(begin)) {
      ++end;
    }
    runs.push_back({end - begin, from.offset(begin), to.offset(begin)});
    begin = end;
  }
  return runs;
}

/// Indices of runs like the first one that follow each other at the distance of `second`.
std::vector<size_t> chain(const std::vector<Run>& runs, size_t second) {
  std::vector<size_t> found = {0, second};
  const int64_t from = runs[second].from - runs[0].from, to = runs[second].to - runs[0].to;
  for (size_t i = second + 1; i < runs.size(); ++i) {
    const Run& last = runs[found.back()];
    if (runs[i].size == last.size && runs[i].from == last.from + from &&
        runs[i].to == last.to + to) {
      found.push_back(i);
    }
  }
  return found;
}

/// One axis as boxes: equal runs at equal distances are an axis of their own.
std::vector<Box> boxes_of(const View::Axis& from, const View::Axis& to) {
  const int64_t step_from = from.step * from.stride, step_to = to.step * to.stride;
  if (from.block == INT64_MAX && to.block == INT64_MAX) {
    return {{{{from.size, step_from, step_to}}, from.offset(0), to.offset(0)}};
  }
  std::vector<Box> boxes;
  for (auto runs = runs_of(from, to); !runs.empty();) {
    constexpr size_t kLookAhead = 4;  // two shifted rows of blocks give runs of two sizes in turn
    std::vector<size_t> best = {0};
    for (size_t i = 1; i < std::min(runs.size(), kLookAhead); ++i) {
      if (runs[i].size != runs[0].size) continue;
      if (auto found = chain(runs, i); found.size() > best.size()) best = std::move(found);
    }
    const Run first = runs[0], second = runs[best.size() > 1 ? best[1] : 0];
    boxes.push_back(
        {{{static_cast<int64_t>(best.size()), second.from - first.from, second.to - first.to},
          {first.size, step_from, step_to}},
         first.from,
         first.to});
    for (size_t i = best.size(); i-- > 0;)
      runs.erase(runs.begin() + static_cast<ptrdiff_t>(best[i]));
  }
  return boxes;
}

std::vector<Box> boxes_of(const View& from, const View& to) {
  std::vector<Box> boxes = {{}};
  for (size_t k = 0; k < from.axes().size(); ++k) {
    if (from.axes()[k].size != to.axes()[k].size) fail_bug("views of different sizes");
    if (from.axes()[k].size == 0) return {};
    std::vector<Box> longer;
    for (const Box& box : boxes) {
      for (const Box& next : boxes_of(from.axes()[k], to.axes()[k])) {
        longer.push_back(box);
        auto& axes = longer.back().axes;
        axes.insert(axes.end(), next.axes.begin(), next.axes.end());
        longer.back().from += next.from;
        longer.back().to += next.to;
      }
    }
    boxes = std::move(longer);
  }
  return boxes;
}

/// Axes in the order of what is written, those of one dropped and those that continue each other
/// merged.
void collapse(Box& box) {
  std::erase_if(box.axes, [](const MoveAxis& axis) { return axis.size == 1; });
  std::stable_sort(box.axes.begin(), box.axes.end(),
                   [](const MoveAxis& a, const MoveAxis& b) { return a.to > b.to; });
  std::vector<MoveAxis> merged;
  for (const MoveAxis& axis : box.axes) {
    if (!merged.empty() && merged.back().from == axis.from * axis.size &&
        merged.back().to == axis.to * axis.size) {
      merged.back() = {merged.back().size * axis.size, axis.from, axis.to};
    } else {
      merged.push_back(axis);
    }
  }
  box.axes = std::move(merged);
}

// The kernels.

void copy_runs(const std::byte* in, std::byte* out, const MoveAxis& rows, const MoveAxis& columns) {
  for (int64_t r = 0; r < rows.size; ++r) {
    std::memcpy(out + r * rows.to, in + r * rows.from, static_cast<size_t>(columns.size));
  }
}

template <size_t kBytes>
void copy_elements(const std::byte* in, std::byte* out, const MoveAxis& rows,
                   const MoveAxis& columns) {
  constexpr auto kDense = static_cast<int64_t>(kBytes);
  for (int64_t r = 0; r < rows.size; ++r) {
    const std::byte* from = in + r * rows.from;
    std::byte* to = out + r * rows.to;
    const auto copy = [&](int64_t step_from, int64_t step_to) {
      for (int64_t c = 0; c < columns.size; ++c) {
        std::memcpy(to + c * step_to, from + c * step_from, kBytes);
      }
    };
    if (columns.to != kDense) {
      copy(columns.from, columns.to);
    } else if (columns.from == 2 * kDense) {  // steps that the compiler knows become vectors
      copy(2 * kDense, kDense);
    } else if (columns.from != 0) {
      copy(columns.from, kDense);
    } else {
      std::array<std::byte, kBytes> value;
      std::memcpy(value.data(), from, kBytes);
      for (int64_t c = 0; c < columns.size; ++c) {
        std::memcpy(to + c * kDense, value.data(), kBytes);
      }
    }
  }
}

/// Rows lie close to each other where they are read, columns where they are written.
template <size_t kBytes>
void copy_tiles(const std::byte* in, std::byte* out, const MoveAxis& rows,
                const MoveAxis& columns) {
  for (int64_t row = 0; row < rows.size; row += kTile) {
    const int64_t row_end = std::min(row + kTile, rows.size);
    for (int64_t column = 0; column < columns.size; column += kTile) {
      const int64_t column_end = std::min(column + kTile, columns.size);
      for (int64_t r = row; r < row_end; ++r) {
        for (int64_t c = column; c < column_end; ++c) {
          std::memcpy(out + r * rows.to + c * columns.to, in + r * rows.from + c * columns.from,
                      kBytes);
        }
      }
    }
  }
}

/// Transposes 8 rows and columns of T, which lie side by side, in registers: halves, quarters and
/// eighths change places.
template <typename T>
void transpose8(const std::byte* in, int64_t in_stride, std::byte* out, int64_t out_stride) {
  typedef T Vector __attribute__((vector_size(8 * sizeof(T))));
  Vector v[8];
  for (int i = 0; i < 8; ++i) std::memcpy(&v[i], in + i * in_stride, sizeof(Vector));
  for (int i = 0; i < 8; i += 2) {
    const Vector a = v[i], b = v[i + 1];
    v[i] = __builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14);
    v[i + 1] = __builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15);
  }
  for (const int i : {0, 1, 4, 5}) {
    const Vector a = v[i], b = v[i + 2];
    v[i] = __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13);
    v[i + 2] = __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15);
  }
  for (int i = 0; i < 4; ++i) {
    const Vector a = v[i], b = v[i + 4];
    v[i] = __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11);
    v[i + 4] = __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15);
  }
  for (int i = 0; i < 8; ++i) std::memcpy(out + i * out_stride, &v[i], sizeof(Vector));
}

template <typename T>
void transpose(const std::byte* in, std::byte* out, const MoveAxis& rows, const MoveAxis& columns) {
  const int64_t whole_rows = rows.size / 8 * 8, whole_columns = columns.size / 8 * 8;
  vectorized([&] {
    for (int64_t row = 0; row < whole_rows; row += kTile) {
      const int64_t row_end = std::min(row + kTile, whole_rows);
      for (int64_t c = 0; c < whole_columns; c += 8) {
        for (int64_t r = row; r < row_end; r += 8) {
          transpose8<T>(in + r * rows.from + c * columns.from, columns.from,
                        out + r * rows.to + c * columns.to, rows.to);
        }
      }
    }
  });
  const MoveAxis right = {columns.size - whole_columns, columns.from, columns.to};
  copy_tiles<sizeof(T)>(in + whole_columns * columns.from, out + whole_columns * columns.to,
                        {whole_rows, rows.from, rows.to}, right);
  copy_tiles<sizeof(T)>(in + whole_rows * rows.from, out + whole_rows * rows.to,
                        {rows.size - whole_rows, rows.from, rows.to}, columns);
}

/// Few columns, whose elements lie next to each other in the end: pixel shuffles.
template <typename T, int64_t kColumns>
void interleave(const std::byte* in, std::byte* out, const MoveAxis& rows,
                const MoveAxis& columns) {
  const int64_t count = rows.size;
  std::array<const T*, kColumns> from;
  for (int64_t c = 0; c < kColumns; ++c) {
    from[static_cast<size_t>(c)] = reinterpret_cast<const T*>(in + c * columns.from);
  }
  vectorized([&] {
    T* __restrict to = reinterpret_cast<T*>(out);
    for (int64_t r = 0; r < count; ++r) {
      for (int64_t c = 0; c < kColumns; ++c) to[r * kColumns + c] = from[static_cast<size_t>(c)][r];
    }
  });
}

/// Rows of elements T that lie side by side where they are read, columns where they are written.
template <typename T>
MoveJob::Copy transposing(const MoveAxis& rows, const MoveAxis& columns) {
  if (rows.to == columns.size * static_cast<int64_t>(sizeof(T))) {
    if (columns.size == 2) return interleave<T, 2>;
    if (columns.size == 3) return interleave<T, 3>;
    if (columns.size == 4) return interleave<T, 4>;
  }
  return transpose<T>;
}

/// Kernels of elements of 1, 2, … bytes, where a short run of elements counts as one.
constexpr size_t kLongestElement = 64;
template <size_t... kBytes>
constexpr auto element_copies(std::index_sequence<kBytes...>) {
  return std::array<MoveJob::Copy, sizeof...(kBytes)>{copy_elements<kBytes + 1>...};
}
template <size_t... kBytes>
constexpr auto tile_copies(std::index_sequence<kBytes...>) {
  return std::array<MoveJob::Copy, sizeof...(kBytes)>{copy_tiles<kBytes + 1>...};
}
constexpr auto kCopyElements = element_copies(std::make_index_sequence<kLongestElement>());
constexpr auto kCopyTiles = tile_copies(std::make_index_sequence<kLongestElement>());

// From boxes to jobs.

/// Takes the two innermost axes of a box and the kernel for them. True where that works in tiles.
bool set_copy(MoveJob& job, std::vector<MoveAxis>& axes, int64_t element) {
  const auto take = [&](size_t i) {
    const MoveAxis axis = axes[i];
    axes.erase(axes.begin() + static_cast<ptrdiff_t>(i));
    return axis;
  };
  if (!axes.empty()) job.columns = take(axes.size() - 1);
  const auto kernel = static_cast<size_t>(element) - 1;
  if (job.columns.to == element && job.columns.from == element) {
    job.columns.size *= element;
    job.copy = copy_runs;
  } else {
    job.copy = kCopyElements[kernel];
    for (size_t i = axes.size(); job.columns.to == element && i-- > 0;) {
      if (axes[i].from != element) continue;
      job.rows = take(i);
      job.copy = element == 4   ? transposing<uint32_t>(job.rows, job.columns)
                 : element == 2 ? transposing<uint16_t>(job.rows, job.columns)
                                : kCopyTiles[kernel];
      return true;
    }
  }
  if (!axes.empty()) job.rows = take(axes.size() - 1);
  return false;
}

/// A run of elements on both sides, or of one repeated value, that is short enough counts as an
/// element.
void widen(Box& box, int64_t& element, bool repeated) {
  if (box.axes.empty()) return;
  const MoveAxis& last = box.axes.back();
  if (last.to != element || last.from != (repeated ? 0 : element)) return;
  if (last.size * element > static_cast<int64_t>(kLongestElement)) return;
  element *= last.size;
  box.axes.pop_back();
}

/// Cuts a long innermost axis into pieces that threads can share; what is left over at its end is
/// the second box.
std::vector<Box> pieces_of(Box box, int64_t element) {
  if (box.axes.empty()) return {box};
  const MoveAxis last = box.axes.back();
  const int64_t piece = kUnitBytes / element, pieces = last.size / piece;
  if (pieces < 4) return {box};
  Box rest = box;
  rest.axes.back().size = last.size - pieces * piece;
  rest.from += pieces * piece * last.from;
  rest.to += pieces * piece * last.to;
  box.axes.back() = {pieces, piece * last.from, piece * last.to};
  box.axes.push_back({piece, last.from, last.to});
  if (rest.axes.back().size == 0) return {box};
  return {box, rest};
}

MoveJob job_of(Box box, int64_t element) {
  MoveJob job;
  job.from = box.from;
  job.to = box.to;
  const bool tiled = set_copy(job, box.axes, element);
  if (box.axes.size() > kMaxAxes) fail_bug("a move along {} axes", box.axes.size());
  const int64_t row_bytes = job.columns.size * (job.copy == copy_runs ? 1 : element);
  int64_t rows = std::max<int64_t>(kUnitBytes / row_bytes, 1);
  if (tiled) rows = (rows + kTile - 1) / kTile * kTile;
  job.rows_per_unit = std::min(rows, job.rows.size);
  job.outer = std::move(box.axes);
  job.outer.push_back({(job.rows.size + job.rows_per_unit - 1) / job.rows_per_unit,
                       job.rows_per_unit * job.rows.from, job.rows_per_unit * job.rows.to});
  job.units = 1;
  for (const MoveAxis& axis : job.outer) job.units *= axis.size;
  job.unit_bytes = job.rows_per_unit * row_bytes;
  return job;
}

std::vector<MoveJob> jobs_of(Box box, int64_t element, bool repeated) {
  collapse(box);
  widen(box, element, repeated);
  std::vector<MoveJob> jobs;
  for (Box& piece : pieces_of(std::move(box), element)) {
    jobs.push_back(job_of(std::move(piece), element));
  }
  return jobs;
}

}  // namespace

View::View(const Shape& shape, Form form) : axes_(shape.size()) {
  const bool blocked = form.layout == Layout::kBlocked;
  const int64_t block = blocked ? channel_block() : 1;
  int64_t stride = block * size_of(form.dtype);
  for (size_t i = shape.size(); i-- > 0;) {
    axes_[i].size = shape[i];
    if (blocked && i == 1) {
      axes_[i].stride = size_of(form.dtype);
      axes_[i].block = block;
      axes_[i].block_stride = stride;
      stride *= (shape[i] + block - 1) / block;
    } else {
      axes_[i].stride = stride;
      stride *= shape[i];
    }
  }
}

View View::cut(size_t axis, int64_t begin, int64_t size, int64_t step) const {
  View view = *this;
  Axis& cut = view.axes_[axis];
  cut.first += begin * cut.step;
  cut.step *= step;
  cut.size = size;
  return view;
}

View View::reordered(const std::vector<int64_t>& order) const {
  View view = *this;
  for (size_t i = 0; i < order.size(); ++i) {
    view.axes_[i] = axes_[resolve_axis(order[i], order.size())];
  }
  return view;
}

View View::expanded(const Shape& shape) const {
  View view = *this;
  view.axes_.insert(view.axes_.begin(), shape.size() - axes_.size(), Axis());
  for (size_t i = 0; i < shape.size(); ++i) {
    if (view.axes_[i].size == shape[i]) continue;
    view.axes_[i].step = 0;
    view.axes_[i].size = shape[i];
  }
  return view;
}

ElementBytes element_bytes(DType dtype, double value) {
  Tensor tensor(dtype, {1});
  tensor.set(0, value);
  ElementBytes bytes{};
  std::memcpy(bytes.data(), tensor.data(), static_cast<size_t>(size_of(dtype)));
  return bytes;
}

void MoveJob::run(const std::byte* in, std::byte* out, int64_t begin, int64_t end) const {
  std::array<int64_t, kMaxAxes + 1> at{};
  in += from;
  out += to;
  int64_t rest = begin;
  for (size_t i = outer.size(); i-- > 0;) {
    at[i] = rest % outer[i].size;
    rest /= outer[i].size;
    in += at[i] * outer[i].from;
    out += at[i] * outer[i].to;
  }
  for (int64_t unit = begin; unit < end; ++unit) {
    const int64_t first = at[outer.size() - 1] * rows_per_unit;
    copy(in, out, {std::min(rows_per_unit, rows.size - first), rows.from, rows.to}, columns);
    for (size_t i = outer.size(); i-- > 0;) {
      in += outer[i].from;
      out += outer[i].to;
      if (++at[i] < outer[i].size) break;
      in -= outer[i].size * outer[i].from;
      out -= outer[i].size * outer[i].to;
      at[i] = 0;
    }
  }
}

void Mover::copy(size_t in, const View& from, const View& to) {
  for (Box& box : boxes_of(from, to)) {
    for (MoveJob& job : jobs_of(std::move(box), element_, false)) {
      job.in = in;
      jobs_.push_back(std::move(job));
    }
  }
}

void Mover::fill(const View& to, const ElementBytes& value) {
  View from = to;
  for (size_t i = 0; i < to.axes().size(); ++i) from = from.cut(i, 0, to.axes()[i].size, 0);
  Pattern pattern;
  for (size_t i = 0; i < pattern.size(); ++i) {
    pattern[i] = value[i % static_cast<size_t>(element_)];
  }
  for (Box& box : boxes_of(from, to)) {
    box.from = 0;
    for (MoveJob& job : jobs_of(std::move(box), element_, true)) {
      job.pattern = pattern;
      jobs_.push_back(std::move(job));
    }
  }
}

void Mover::fill_up(const Shape& shape, Form form) {
  if (form.layout != Layout::kBlocked || shape[1] % channel_block() == 0) return;
  Shape filled = shape;
  filled[1] += channel_block() - shape[1] % channel_block();
  fill(View(filled, form).cut(1, shape[1], filled[1] - shape[1]), {});
}

Kernel Mover::kernel() const {
  int64_t bytes = 0;
  for (const MoveJob& job : jobs_) bytes += job.units * job.unit_bytes;
  return [jobs = jobs_, bytes](const Pointers& pointers) {
    constexpr int64_t kGrain = 64 << 10;
    parallel_for(bytes, kGrain, [&](int64_t begin, int64_t end) {
      for (const MoveJob& job : jobs) {  // units that begin in this thread's share of the bytes
        const auto unit = [&](int64_t byte) {
          return std::clamp<int64_t>((byte + job.unit_bytes - 1) / job.unit_bytes, 0, job.units);
        };
        const std::byte* in = job.pattern ? job.pattern->data() : pointers.in[job.in];
        if (unit(begin) < unit(end)) job.run(in, pointers.out[0], unit(begin), unit(end));
        begin -= job.units * job.unit_bytes;
        end -= job.units * job.unit_bytes;
      }
    });
  };
}

}  // namespace rung::onednn
