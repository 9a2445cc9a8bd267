#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "rung/ops/conv/conv_parts_onednn.h"
#include "rung/ops/conv/head_onednn.h"
#include "rung/ops/conv/normed_product.h"
#include "rung/ops/conv/our_ways.h"
#include "rung/ops/kernel.h"
#include "rung/ops/onednn.h"
#include "rung/ops/pointwise.h"
#include "rung/ops/post_ops.h"

namespace rung::ops {
namespace {

using dnnl::memory;
using onednn::channel_block;
using onednn::desc_of;
using onednn::Form;
using onednn::Layout;
using onednn::LowerCall;
using onednn::PostOps;
using onednn::Ref;
using onednn::Step;
using onednn::Way;

/// One convolution on its way: everything that its ways have in common.
struct Problem {
  const Conv& op;
  LowerCall& call;
  ConvWindow window;
  Form src, dst;
  Shape x;                      ///< of the input, as oneDNN is told
  Shape weight;                 ///< with groups in front where there are any
  std::optional<Tensor> known;  ///< the weight
  PostOps posts;
  bool bias = false;
};

Shape grouped(const Shape& weight, int64_t groups) {
  if (groups == 1) return weight;
  Shape shape = {groups, weight[0] / groups};
  shape.insert(shape.end(), weight.begin() + 1, weight.end());
  return shape;
}

/// What Winograd kernels and our own ask of it: blocked maps, one group, a known weight, a stride
/// of 1 or 2.
bool suits_blocks(const Problem& it) {
  return it.src.layout == Layout::kBlocked && it.dst == it.src && it.known && it.op.groups == 1 &&
         it.window.is_even() && it.window.stride[0] <= 2;
}
bool is_3x3(const ConvWindow& window) {
  return window.kernel == Sizes{3, 3} && window.begin[0] <= 1;
}

/// The operands of Step::in: x, (a weight that is not known), (a bias), those of the posts.
size_t operands(const Problem& it) { return 1 + (it.known ? 0 : 1) + (it.bias ? 1 : 0); }

Way way_of(Problem& it, const onednn::Implementation& implementation) {
  std::optional<Ref> packed;
  if (it.known) {
    packed = it.call.packed(Tensor(it.known->dtype(), it.weight, it.known->storage()),
                            implementation.wants(DNNL_ARG_WEIGHTS));
  }
  const auto bias = it.bias ? std::optional<size_t>(it.known ? 1 : 2) : std::nullopt;
  Way way = convolution_way(implementation, operands(it) + it.posts.in.size(), packed, bias);
  way.args.insert(way.args.end(), it.posts.args.begin(), it.posts.args.end());
  return way;
}

/// oneDNN's implementations for an algorithm, best first, reference ones left out.
void add_ways(Problem& it, dnnl::algorithm algorithm, size_t most,
              const std::optional<std::string>& only, std::vector<Way>& ways) {
  const auto type = onednn::to_dnnl(it.src.dtype);
  const auto weights = it.known ? memory::desc(it.weight, type, memory::format_tag::any)
                                : desc_of(it.weight, {it.src.dtype, Layout::kPlain});
  const auto src = desc_of(it.x, it.src);
  const auto dst = desc_of(it.call.out_type().shape, it.dst);
  const memory::desc bias = it.bias ? desc_of({it.call.out_type().shape[1]}, {}) : memory::desc();
  const auto found = onednn::implementations<dnnl::convolution_forward>(
      most, it.posts.ops, dnnl::prop_kind::forward_inference, algorithm, src, weights, bias, dst,
      it.window.stride, it.window.gaps, it.window.begin, it.window.end);
  for (const onednn::Implementation& implementation : found) {
    const std::string name = implementation.name();
    if (!onednn::is_slow(name) && (!only || name == *only)) {
      ways.push_back(way_of(it, implementation));
    }
  }
}

/// Whether a kernel of our own may take it.
bool suits_ours(const Problem& it) {
  return suits_blocks(it) && it.posts.args.empty() && onednn::has_tiles(it.src.dtype) &&
         (!it.bias || it.call.known(2).defined());
}

/// The convolution as our kernels know it; nothing where its posts are others than theirs.
std::optional<onednn::BlockedConv> as_ours(const Problem& it) {
  onednn::BlockedConv made{.x = it.call.in_type(0).shape,
                           .outputs = it.call.out_type().shape[1],
                           .pad = it.window.begin[0],
                           .stride = it.window.stride[0],
                           .dtype = it.src.dtype};
  if (it.bias) made.bias = it.call.known(2);
  for (const onednn::Post& post : it.call.posts()) {
    const bool relu = onednn::is_relu(*post.op);
    if (made.relu || !(relu || (post.operand && it.posts.over && !made.sum))) return std::nullopt;
    (relu ? made.relu : made.sum) = true;
  }
  return made;
}

/// The ways that are ours and not ruled out.
void add_ours(Problem& it, const std::optional<std::string>& only, std::vector<Way>& ways) {
  if (!suits_ours(it)) return;
  const auto ours = as_ours(it);
  if (!ours) return;
  const auto wanted = [&](std::string_view name) { return !only || *only == name; };
  const size_t first = operands(it) + it.posts.in.size();
  const bool pixels = ours->pad == 0 && (ours->stride == 1 || ours->x.size() == 4);
  if (all_are(it.window.kernel, 1) && pixels && wanted(onednn::kColumnsWay)) {
    ways.push_back(onednn::columns_way(it.call, *ours, *it.known, first));
  }
  if (is_3x3(it.window) && wanted(onednn::kWinograd2x2)) {
    ways.push_back(onednn::winograd_2x2_way(it.call, *ours, *it.known, first));
  }
  const bool fine = it.src.dtype == DType::kF32 || it.call.fast_bf16();
  if (is_3x3(it.window) && ours->stride == 1 && fine && wanted(onednn::kWinograd4x4)) {
    ways.push_back(onednn::winograd_4x4_way(it.call, *ours, *it.known, first));
  }
}

std::string describe(const Problem& it) {
  const int64_t in = it.call.in_type(0).shape[1], out = it.call.out_type().shape[1];
  std::string text = fmt::format("conv {}", fmt::join(it.window.kernel, "x"));
  if (!all_are(it.window.stride, 1)) text += fmt::format(" / {}", it.window.stride[0]);
  if (it.op.groups > 1) text += fmt::format(", {} groups", it.op.groups);
  return text + fmt::format(", {} -> {}", in, out) + it.posts.text;
}

std::string key_of(const Problem& it, const std::string& what) {
  const ConvWindow& w = it.window;
  const bool fast = it.src.dtype == DType::kBF16 && it.call.fast_bf16();
  return fmt::format("{}{} of {}{} {} by {} pad {} {} stride {} dilation {}", what,
                     it.posts.over ? " in place" : "", fast ? "fast " : "", name(it.src.dtype),
                     to_string(it.call.in_type(0).shape), to_string(it.weight), to_string(w.begin),
                     to_string(w.end), to_string(w.stride), to_string(w.gaps));
}

bool fits_blocks(const Conv& op, const Shape& weight) {
  if (weight.size() < 3 || weight.size() > 5) return false;
  if (op.groups == 1) return true;
  const int64_t block = channel_block();
  const bool depthwise = weight[1] == 1 && weight[0] == op.groups;
  return depthwise || (weight[1] % block == 0 && weight[0] / op.groups % block == 0);
}

Problem problem_of(const Conv& op, LowerCall& call, Layout layout) {
  const Shape& x = call.in_type(0).shape;
  const Shape& weight = call.in_type(1).shape;
  Problem it{.op = op, .call = call, .window = window_of(op, weight)};
  // The first layer: oneDNN reads one or three channels row-major. Where all axes but the batch are
  // 1, it cannot tell that from other layouts, and takes its reference kernel.
  const bool first = op.groups == 1 && (x[1] == 1 || x[1] == 3) && element_count(x) > x[0] &&
                     call.form(0).layout == Layout::kPlain;
  const DType dtype = call.storage(DType::kF32);
  it.src = {dtype, first ? Layout::kPlain : layout};
  it.dst = {dtype, layout};
  it.x = x;
  it.weight = grouped(weight, op.groups);
  if (const Tensor known = call.known(1); known.defined()) it.known = known;
  it.bias = call.own_inputs() > 2;
  return it;
}

/// Where posts have operands, oneDNN 3.7 has no kernel for a map of fewer channels than a block:
/// the zeros that fill it up become channels, too.
void fill_channels(Problem& it) {
  const int64_t channels = it.x[1], block = channel_block();
  if (channels >= block || it.src.layout == Layout::kPlain || it.op.groups > 1 || !it.known ||
      it.posts.args.empty()) {
    return;
  }
  it.x[1] = it.weight[1] = block;
  Tensor filled(DType::kF32, it.weight);
  const int64_t outputs = it.weight[0], taps = element_count(it.weight) / (outputs * block);
  const auto from = it.known->as<float>(), to = filled.as<float>();
  std::fill(to.begin(), to.end(), 0.0F);
  for (int64_t o = 0; o < outputs; ++o) {
    std::copy_n(from.begin() + o * channels * taps, channels * taps, to.begin() + o * block * taps);
  }
  it.known = filled;
}

/// Adds the step; false where oneDNN has nothing but reference kernels for these layouts.
bool lower_as(const Conv& op, LowerCall& call, Layout layout) {
  Problem it = problem_of(op, call, layout);
  const Shape& result = call.out_type().shape;
  // Accumulating in place is free where nobody needs the operand any more; behind a function,
  // oneDNN has but a reference kernel for it.
  const auto sum = onednn::sum_post(call);
  const bool as_sum = sum == 0 && call.free_after(*call.posts()[*sum].operand);
  it.posts = post_ops(
      call, {.dims = result, .form = it.dst, .channel = 1, .operands = operands(it)}, as_sum);
  fill_channels(it);
  Step step{.what = describe(it)};
  step.key = key_of(it, step.what);
  const auto only = call.chosen_way(step.key);
  step.in.push_back(call.in(0, it.src));
  if (!it.known) step.in.push_back(call.in(1, {it.src.dtype, Layout::kPlain}));
  if (it.bias) step.in.push_back(call.in(2, {DType::kF32, Layout::kPlain}));
  const size_t most = call.measures() ? 2 : 1;
  const bool winograd = it.src.dtype == DType::kF32 && suits_blocks(it) && is_3x3(it.window) &&
                        it.window.stride[0] == 1;
  if (winograd && call.measures()) {
    add_ways(it, dnnl::algorithm::convolution_winograd, 4, only, step.ways);
  }
  add_ways(it, dnnl::algorithm::convolution_direct, most, only, step.ways);
  if (call.measures()) add_ours(it, only, step.ways);
  if (step.ways.empty() && only) {  // remembered by a version that had more
    add_ways(it, dnnl::algorithm::convolution_direct, 1, std::nullopt, step.ways);
  }
  if (step.ways.empty()) return false;
  step.in.insert(step.in.end(), it.posts.in.begin(), it.posts.in.end());
  step.over = it.posts.over;
  step.accumulates = it.posts.over.has_value();
  step.out = {call.out(0, it.dst)};
  call.step(std::move(step));
  return true;
}

}  // namespace

void lower(const Conv& op, LowerCall& call) {
  const Shape& weight = call.in_type(1).shape;
  if (call.in_type(0).dtype != DType::kF32) {
    call.give_up(fmt::format("convolutions of {} have no kernel", name(call.in_type(0).dtype)));
  }
  if (op.pad_mode != PadMode::kZeros) call.give_up("its padding should have been made before");
  if (call.in_type(0).elements() == 0 || call.out_type().elements() == 0) {
    call.give_up("convolutions of empty maps have no kernel");
  }
  if (call.prologue() != nullptr) return onednn::lower_normed_product(call);
  if (lower_head(op, call)) return;
  if (fits_blocks(op, weight) && lower_as(op, call, Layout::kBlocked)) return;
  if (lower_as(op, call, Layout::kPlain)) return;
  call.give_up("oneDNN has nothing but a reference kernel for it");
}

}  // namespace rung::ops
