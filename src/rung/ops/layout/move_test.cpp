#include "rung/ops/layout/move.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <numeric>

#include "rung/base/rng.h"

namespace rung::onednn {
namespace {

using Bytes = std::vector<std::byte>;

/// Calls f with the offsets of every entry of two views of the same sizes.
void for_each(const View& a, const View& b, const std::function<void(int64_t, int64_t)>& f,
              size_t axis = 0, int64_t at_a = 0, int64_t at_b = 0) {
  if (axis == a.axes().size()) return f(at_a, at_b);
  for (int64_t i = 0; i < a.axes()[axis].size; ++i) {
    for_each(a, b, f, axis + 1, at_a + a.axes()[axis].offset(i), at_b + b.axes()[axis].offset(i));
  }
}

Form random_form(Rng& rng, DType dtype, size_t rank) {
  const bool blocked = rank >= 3 && rng.integer(0, 1) == 1;
  return {dtype, blocked ? Layout::kBlocked : Layout::kPlain};
}

/// A view of a value of these sizes: reordered, cut, reversed, stepped through, repeated.
View random_view(Rng& rng, const Shape& shape, Form form) {
  std::vector<int64_t> order(shape.size());
  std::iota(order.begin(), order.end(), 0);
  for (size_t i = order.size(); rng.integer(0, 2) > 0 && i-- > 1;) {
    std::swap(order[i], order[static_cast<size_t>(rng.integer(0, static_cast<int64_t>(i)))]);
  }
  View view = View(shape, form).reordered(order);
  for (size_t i = 0; i < order.size(); ++i) {
    const int64_t size = view.axes()[i].size;
    if (size == 0 || rng.integer(0, 2) == 0) continue;
    const int64_t begin = rng.integer(0, size - 1);
    const int64_t step = rng.integer(0, 3) > 0 ? 1 : rng.integer(-2, 3);
    int64_t most = 20;
    if (step > 0) most = (size - begin + step - 1) / step;
    if (step < 0) most = begin / -step + 1;
    view = view.cut(i, begin, rng.integer(0, 3) == 0 ? rng.integer(0, most) : most, step);
  }
  return view;
}

void expect_moved(Rng& rng, DType dtype) {
  const auto rank = static_cast<size_t>(rng.integer(0, 5));
  const bool large = rank <= 3 && rng.integer(0, 30) == 0;
  Shape shape;
  if (rank == 1 && rng.integer(0, 9) == 0) shape = {rng.integer(10000, 100000)};
  for (size_t i = shape.size(); i < rank; ++i)
    shape.push_back(rng.integer(1, large ? 120 : i == 1 ? 40 : 8));
  const Form form = random_form(rng, dtype, rank);
  const View from = random_view(rng, shape, form);

  Shape whole, begin;  // of what is written, a part is copied and some in front of it filled
  for (const View::Axis& axis : from.axes()) {
    begin.push_back(rng.integer(0, 2) > 0 ? 0 : rng.integer(0, 20));
    whole.push_back(axis.size + begin.back() + rng.integer(0, 2));
  }
  const Form made = random_form(rng, dtype, rank);
  View to(whole, made);
  for (size_t i = 0; i < rank; ++i) to = to.cut(i, begin[i], from.axes()[i].size);
  const View front = rank == 0 ? to : View(whole, made).cut(0, 0, begin[0]);

  Bytes in(static_cast<size_t>(bytes_of(shape, form))), out;
  for (std::byte& byte : in) byte = static_cast<std::byte>(rng.integer(0, 255));
  out.resize(static_cast<size_t>(bytes_of(whole, made)), std::byte{7});
  Bytes expected = out;
  const auto size = static_cast<size_t>(size_of(dtype));
  const ElementBytes value = element_bytes(dtype, 5);
  if (rank > 0) {
    for_each(front, front,
             [&](int64_t at, int64_t) { std::memcpy(expected.data() + at, value.data(), size); });
  }
  for_each(from, to,
           [&](int64_t a, int64_t b) { std::memcpy(expected.data() + b, in.data() + a, size); });
  if (made.layout == Layout::kBlocked) {
    Shape filled = whole;
    filled[1] = (whole[1] + channel_block() - 1) / channel_block() * channel_block();
    const View rest = View(filled, made).cut(1, whole[1], filled[1] - whole[1]);
    for_each(rest, rest, [&](int64_t at, int64_t) { std::memset(expected.data() + at, 0, size); });
  }

  Mover mover(dtype);
  mover.copy(0, from, to);
  if (rank > 0) mover.fill(front, value);
  mover.fill_up(whole, made);
  std::byte *source = in.data(), *target = out.data();
  mover.kernel()({.in = {&source, 1}, .out = {&target, 1}});
  ASSERT_EQ(out, expected) << to_string(shape) << " to " << to_string(whole);
}

TEST(Move, CopiesAndFillsLikeLoopsOverEveryEntry) {
  Rng rng(20);
  for (int i = 0; i < 1000 && !testing::Test::HasFatalFailure(); ++i) {
    for (const DType dtype : {DType::kF32, DType::kBF16, DType::kF64, DType::kU8}) {
      expect_moved(rng, dtype);
    }
  }
}

}  // namespace
}  // namespace rung::onednn
