#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "rung/base/error.h"
#include "rung/ops/onnx.h"

namespace rung::ops {
namespace {

constexpr double kTurn = 2 * std::numbers::pi;
constexpr int64_t kLargestMatrix = 1 << 24;  ///< elements of a transform's matrix
constexpr int64_t kLongestWindow = 1 << 20;

DType output_type(OnnxCall& call) {
  const auto dtype = dtype_from_onnx(call.integer("output_datatype", 1));
  if (!dtype) fail_unsupported("{} of a type that rung lacks", call.name());
  return *dtype;
}

/// Σ weight[k] cos(k · turns of the window) at each of as many places as input 0 says.
OnnxResult window(OnnxCall& call, const std::vector<double>& weights) {
  const int64_t size = call.integer(size_t{0});
  if (size < 1 || size > kLongestWindow) fail_user("a window of {} numbers", size);
  const bool periodic = call.integer("periodic", 1) != 0;
  const auto length = static_cast<double>(periodic ? size : std::max<int64_t>(1, size - 1));
  Tensor out(output_type(call), {size});
  for (int64_t i = 0; i < size; ++i) {
    double value = 0;
    for (size_t k = 0; k < weights.size(); ++k) {
      value +=
          weights[k] * std::cos(kTurn * static_cast<double>(k) * static_cast<double>(i) / length);
    }
    out.set(i, value);
  }
  return {call.add(Constant{out}, {})};
}

OnnxResult hann(OnnxCall& call) { return window(call, {0.5, -0.5}); }
OnnxResult hamming(OnnxCall& call) { return window(call, {25.0 / 46, -21.0 / 46}); }
OnnxResult blackman(OnnxCall& call) { return window(call, {0.42, -0.5, 0.08}); }

// Triangles that are equally wide on the mel scale, over the bins of a transform. Inputs: how many,
// the transform's length, samples per second, the lowest and the highest frequency.
OnnxResult mel_weight_matrix(OnnxCall& call) {
  const int64_t bands = call.integer(size_t{0}), length = call.integer(size_t{1});
  const int64_t rate = call.integer(size_t{2});
  if (bands < 1 || length < 1 || rate < 1 || bands > 1 << 14 || length > 1 << 20 ||
      bands * length > kLargestMatrix) {
    fail_user("MelWeightMatrix of {} bands over {} samples, {} per second", bands, length, rate);
  }
  const auto mel = [](double hertz) { return 2595 * std::log10(1 + hertz / 700); };
  const double low = mel(call.number(size_t{3})), high = mel(call.number(size_t{4}));
  const int64_t bins = length / 2 + 1;
  const auto bin = [&](int64_t i) {
    const double step = (high - low) / static_cast<double>(bands + 2);
    const double hertz = 700 * (std::pow(10, (static_cast<double>(i) * step + low) / 2595) - 1);
    const double at =
        std::floor(static_cast<double>(length + 1) * hertz / static_cast<double>(rate));
    if (!(at >= 0 && at < static_cast<double>(bins))) {
      fail_user("a band at {} Hz, beyond half of {} samples per second", hertz, rate);
    }
    return static_cast<int64_t>(at);
  };
  Tensor out(output_type(call), {bins, bands});
  for (int64_t i = 0; i < bands; ++i) {
    const int64_t begin = bin(i), peak = bin(i + 1), end = bin(i + 2);
    if (peak == begin) out.set(peak * bands + i, 1);
    for (int64_t k = begin; k <= peak && peak > begin; ++k) {
      out.set(k * bands + i, static_cast<double>(k - begin) / static_cast<double>(peak - begin));
    }
    for (int64_t k = peak; k < end; ++k) {
      out.set(k * bands + i, static_cast<double>(end - k) / static_cast<double>(end - peak));
    }
  }
  return {call.add(Constant{out}, {})};
}

/// cos and sin of the turns of a transform, [to, from].
struct Waves {
  Tensor cosine, sine;
};
Waves waves(int64_t to, int64_t from, int64_t length, DType dtype) {
  if (to * from > kLargestMatrix) {
    fail_unsupported("a transform of {} to {} numbers, which is a matrix product", from, to);
  }
  Waves out{Tensor(dtype, {to, from}), Tensor(dtype, {to, from})};
  for (int64_t k = 0; k < to; ++k) {
    for (int64_t n = 0; n < from; ++n) {
      const double turn =
          kTurn * static_cast<double>((k * n) % length) / static_cast<double>(length);
      out.cosine.set(k * from + n, std::cos(turn));
      out.sine.set(k * from + n, std::sin(turn));
    }
  }
  return out;
}

/// A complex tensor as its real and imaginary part, the transformed axis last.
struct Complex {
  Ref real;
  std::optional<Ref> imaginary;
};

Complex parts(OnnxCall& call, Ref x) {
  const int64_t axis = static_cast<int64_t>(call.type(x).rank()) - 1;
  const int64_t width = call.type(x).shape.back();
  if (width != 1 && width != 2) fail_user("{} numbers where a complex one has 2", width);
  const auto part = [&](int64_t i) {
    const Ref one = call.add(Slice{.axis = axis, .begin = i, .end = i + 1}, {x});
    return call.add(Squeeze{.axes = {axis}}, {one});
  };
  Complex out{part(0), {}};
  if (width == 2) out.imaginary = part(1);
  return out;
}

/// x (… at the last axis) times a wave's matrix.
Ref turned(OnnxCall& call, Ref x, const Tensor& matrix) {
  return call.add(Linear{}, {x, call.add(Constant{matrix}, {})});
}

/// The sums Σ x[n] exp(∓2πi kn / N) for the first `to` k.
Complex transformed(OnnxCall& call, const Complex& x, int64_t to, int64_t length, bool inverse) {
  const TensorType type = call.type(x.real);
  const Waves w = waves(to, std::min(type.shape.back(), length), length, type.dtype);
  const auto cropped = [&](Ref part) {  // what is missing is zero, and adds nothing
    return type.shape.back() <= length
               ? part
               : call.add(Slice{.axis = -1, .begin = 0, .end = length}, {part});
  };
  const Ref a = cropped(x.real);
  Complex y{turned(call, a, w.cosine), turned(call, a, w.sine)};
  if (!inverse) y.imaginary = call.unary(UnaryFn::kNeg, *y.imaginary);
  if (x.imaginary) {
    const Ref b = cropped(*x.imaginary);
    const Ref cosine = turned(call, b, w.cosine), sine = turned(call, b, w.sine);
    y.real = call.binary(inverse ? BinaryFn::kSub : BinaryFn::kAdd, y.real, sine);
    y.imaginary = call.binary(BinaryFn::kAdd, *y.imaginary, cosine);
  }
  if (inverse) {
    const auto n = static_cast<double>(length);
    y.real = call.with_number(BinaryFn::kDiv, y.real, n);
    y.imaginary = call.with_number(BinaryFn::kDiv, *y.imaginary, n);
  }
  return y;
}

/// The other half of a spectrum whose signal is real: the conjugates, mirrored.
Complex with_mirrored(OnnxCall& call, const Complex& x, int64_t length) {
  const int64_t half = call.type(x.real).shape.back();
  if (half < length / 2 + 1) fail_user("{} of {} numbers of a half spectrum", half, length / 2 + 1);
  std::vector<int64_t> from;
  Tensor sign(call.type(x.real).dtype, {length});
  for (int64_t k = 0; k < length; ++k) {
    from.push_back(k <= length / 2 ? k : length - k);
    sign.set(k, k <= length / 2 ? 1 : -1);
  }
  const Ref index = call.add(Constant{Tensor::i64({length}, std::move(from))}, {});
  Complex y{call.add(Gather{.axis = -1}, {x.real, index}), {}};
  if (x.imaginary) {
    const Ref mirrored = call.add(Gather{.axis = -1}, {*x.imaginary, index});
    y.imaginary = call.binary(BinaryFn::kMul, mirrored, call.add(Constant{sign}, {}));
  }
  return y;
}

// x […, n, …, 1 or 2], a length, the axis
OnnxResult dft(OnnxCall& call) {
  const size_t rank = call.rank(0);
  if (rank < 2) fail_user("DFT of {} axes", rank);
  const int64_t asked =
      call.given(2) ? call.integer(2) : call.integer("axis", call.opset() < 20 ? 1 : -2);
  const size_t axis = resolve_axis(asked, rank);
  if (axis + 1 == rank) fail_user("DFT along the axis of real and imaginary parts");
  const bool inverse = call.integer("inverse", 0) != 0, half = call.integer("onesided", 0) != 0;
  const Dim size = call.sizes(0)[axis];
  if (size.varies()) call.fix({size});
  int64_t length = inverse && half ? 2 * (size.value() - 1) : size.value();
  if (call.given(1)) length = call.integer(1);
  if (length < 1) fail_user("DFT over {} numbers", length);
  // The transformed axis last, in front of the parts.
  Sizes order(rank - 1);
  std::iota(order.begin(), order.end(), 0);
  std::swap(order[axis], order.back());
  Complex x = parts(call, call.tensor(0));
  const auto swap_axes = [&](Ref& part) {
    if (axis + 2 != rank) part = call.add(Transpose{.order = order}, {part});
  };
  swap_axes(x.real);
  if (x.imaginary) swap_axes(*x.imaginary);
  if (inverse && half) x = with_mirrored(call, x, length);
  Complex y = transformed(call, x, !inverse && half ? length / 2 + 1 : length, length, inverse);
  swap_axes(y.real);
  swap_axes(*y.imaginary);
  const auto last = static_cast<int64_t>(rank) - 1;
  if (inverse && half) return {call.add(Unsqueeze{.axes = {last}}, {y.real})};
  return {call.add(Stack{.axis = last}, {y.real, *y.imaginary})};
}

// x [N, L, 1 or 2], steps between frames, a window, a frame's length
OnnxResult stft(OnnxCall& call) {
  const Dims sizes = call.sizes(0);
  if (sizes.size() != 3 && sizes.size() != 2) fail_user("STFT of {} axes", sizes.size());
  if (sizes[1].varies()) call.fix({sizes[1]});
  const int64_t step = call.integer(1);
  const int64_t length = call.given(3) ? call.integer(3) : call.sizes(2).at(0).value();
  if (step < 1 || length < 1 || length > sizes[1].value()) {
    fail_user("STFT with steps of {} and frames of {} over {} numbers", step, length,
              sizes[1].value());
  }
  const int64_t frames = (sizes[1].value() - length) / step + 1;
  std::vector<int64_t> index;
  for (int64_t f = 0; f < frames; ++f) {
    for (int64_t i = 0; i < length; ++i) index.push_back(f * step + i);
  }
  const Ref places = call.add(Constant{Tensor::i64({frames, length}, std::move(index))}, {});
  Complex x{call.tensor(0), {}};
  if (sizes.size() == 3) x = parts(call, x.real);
  const auto framed = [&](Ref& part) {
    part = call.add(Gather{.axis = 1}, {part, places});
    if (call.given(2)) part = call.binary(BinaryFn::kMul, part, call.buffer(2));
  };
  framed(x.real);
  if (x.imaginary) framed(*x.imaginary);
  const bool half = call.integer("onesided", 1) != 0;
  const Complex y = transformed(call, x, half ? length / 2 + 1 : length, length, false);
  return {call.add(Stack{.axis = 3}, {y.real, *y.imaginary})};
}

constexpr OnnxEntry kSignalRules[] = {
    {"HannWindow", hann},
    {"HammingWindow", hamming},
    {"BlackmanWindow", blackman},
    {"MelWeightMatrix", mel_weight_matrix},
    {"DFT", dft},
    {"STFT", stft},
};

}  // namespace

OnnxRules signal_onnx() { return kSignalRules; }

}  // namespace rung::ops
