#include "rung/ops/post_ops.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "rung/base/error.h"

namespace rung::onednn {
namespace {

using Fn = dnnl::algorithm;

struct Eltwise {
  Fn fn;
  double alpha = 0;
  double beta = 0;
  bool operator==(const Eltwise&) const = default;
};
using Chain = std::vector<Eltwise>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Logarithms and soft_relu are not here: near their zeros oneDNN's err by more than 1e-6.
Chain chain_of(ops::UnaryFn fn) {
  switch (fn) {
    case ops::UnaryFn::kRelu:
      return {{Fn::eltwise_relu}};
    case ops::UnaryFn::kRelu6:
      return {{Fn::eltwise_clip, 0, 6}};
    case ops::UnaryFn::kSigmoid:
      return {{Fn::eltwise_logistic}};
    case ops::UnaryFn::kTanh:
      return {{Fn::eltwise_tanh}};
    case ops::UnaryFn::kSilu:
      return {{Fn::eltwise_swish, 1}};
    case ops::UnaryFn::kMish:
      return {{Fn::eltwise_mish}};
    case ops::UnaryFn::kHardSwish:
      return {{Fn::eltwise_hardswish, 1.0 / 6, 0.5}};
    case ops::UnaryFn::kHardSigmoid:
      return {{Fn::eltwise_linear, 1.0 / 6, 0.5}, {Fn::eltwise_clip, 0, 1}};
    case ops::UnaryFn::kSelu:
      return {{Fn::eltwise_elu, 1.6732632423543772848},
              {Fn::eltwise_linear, 1.0507009873554804934}};
    case ops::UnaryFn::kExp:
      return {{Fn::eltwise_exp}};
    case ops::UnaryFn::kSqrt:
      return {{Fn::eltwise_sqrt}};
    case ops::UnaryFn::kSquare:
      return {{Fn::eltwise_square}};
    case ops::UnaryFn::kReciprocal:
      return {{Fn::eltwise_pow, 1, -1}};
    case ops::UnaryFn::kAbs:
      return {{Fn::eltwise_abs}};
    case ops::UnaryFn::kNeg:
      return {{Fn::eltwise_linear, -1}};
    case ops::UnaryFn::kRound:
      return {{Fn::eltwise_round}};
    default:
      return {};
  }
}

// What oneDNN calls a pointwise op of one operand; empty where it has none with the same numbers.
Chain chain_of(const Op& op) {
  if (const auto* unary = std::get_if<ops::Unary>(&op)) return chain_of(unary->fn);
  if (const auto* leaky = std::get_if<ops::LeakyRelu>(&op)) {
    return {{Fn::eltwise_relu, leaky->slope}};
  }
  if (const auto* elu = std::get_if<ops::Elu>(&op)) return {{Fn::eltwise_elu, elu->alpha}};
  if (const auto* gelu = std::get_if<ops::Gelu>(&op)) {
    return {{gelu->tanh ? Fn::eltwise_gelu_tanh : Fn::eltwise_gelu_erf}};
  }
  if (const auto* clamp = std::get_if<ops::Clamp>(&op)) {
    const double low = clamp->low.value_or(-kInfinity), high = clamp->high.value_or(kInfinity);
    if (!(low <= high)) return {};
    return {{Fn::eltwise_clip, low, high}};
  }
  return {};
}

void append(PostOps& to, const Chain& chain) {
  for (const auto& [fn, alpha, beta] : chain) {
    to.ops.append_eltwise(fn, static_cast<float>(alpha), static_cast<float>(beta));
  }
}

// oneDNN's code generators keep one set of numbers for each function: a second post-op of the same
// function would silently be computed with those of the first.
bool agree(const Chain& a, const Chain& b) {
  return std::all_of(a.begin(), a.end(), [&](const Eltwise& x) {
    return std::all_of(b.begin(), b.end(),
                       [&](const Eltwise& y) { return x.fn != y.fn || x == y; });
  });
}

// What a post needs of these functions in any case, whatever its operand.
Chain needed(const Op& op, bool swapped) {
  const auto* binary = std::get_if<ops::Binary>(&op);
  if (binary == nullptr) return chain_of(op);
  if (binary->fn == ops::BinaryFn::kSub && swapped) return {{Fn::eltwise_linear, -1}};
  return {};
}

Chain needed(std::span<const Post> posts) {
  Chain all;
  for (const Post& post : posts) {
    const Chain one = needed(*post.op, post.swapped);
    all.insert(all.end(), one.begin(), one.end());
  }
  return all;
}

// A Binary with one known number; empty where that is no simpler.
Chain chain_of(ops::BinaryFn fn, bool swapped, double number) {
  switch (fn) {
    case ops::BinaryFn::kAdd:
      return {{Fn::eltwise_linear, 1, number}};
    case ops::BinaryFn::kSub:
      return {{Fn::eltwise_linear, swapped ? -1.0 : 1.0, swapped ? number : -number}};
    case ops::BinaryFn::kMul:
      return {{Fn::eltwise_linear, number}};
    case ops::BinaryFn::kMin:
      return {{Fn::eltwise_clip, -kInfinity, number}};
    case ops::BinaryFn::kMax:
      return {{Fn::eltwise_clip, number, kInfinity}};
    default:
      return {};
  }
}

Fn binary_of(ops::BinaryFn fn) {
  switch (fn) {
    case ops::BinaryFn::kAdd:
      return Fn::binary_add;
    case ops::BinaryFn::kSub:
      return Fn::binary_sub;
    case ops::BinaryFn::kMul:
      return Fn::binary_mul;
    case ops::BinaryFn::kDiv:
      return Fn::binary_div;
    case ops::BinaryFn::kMin:
      return Fn::binary_min;
    case ops::BinaryFn::kMax:
      return Fn::binary_max;
    default:
      fail_bug("a post-op that does not fit");
  }
}

// One number for each channel as a value [1, C, 1, …] in the layout of the destination: oneDNN has
// no fast kernel otherwise.
Ref channels_in(LowerCall& call, size_t input, const Shape& dims, Form form) {
  const Form plain{form.dtype, Layout::kPlain};
  if (form.layout == Layout::kPlain) return call.in(input, plain);
  if (const Tensor known = call.known(input); known.defined() && known.dtype() == DType::kF32) {
    return call.packed({known.dtype(), dims, known.storage()}, desc_of(dims, form));
  }
  if (call.in_type(input).shape == dims) return call.in(input, form);
  const Ref from = call.in(input, plain);
  const Ref filled = call.temporary(dims, form);
  const auto bytes = static_cast<size_t>(element_count(dims) * size_of(form.dtype));
  const auto rest = static_cast<size_t>(bytes_of(dims, form)) - bytes;
  call.kernel("fill up channels", {from}, {filled}, [bytes, rest](const Pointers& p) {
    std::memcpy(p.out[0], p.in[0], bytes);
    std::memset(p.out[0] + bytes, 0, rest);
  });
  return filled;
}

class Translation {
 public:
  Translation(LowerCall& call, const PostTarget& target)
      : call_(call), target_(target), used_(needed(call.posts())) {}

  void binary(const Post& post, const ops::Binary& op, bool as_sum) {
    const size_t input = post.operand.value();
    const int64_t elements = call_.in_type(input).elements();
    if (elements == 1) {
      const Tensor known = call_.known(input);
      const Chain chain = known.defined() ? chain_of(op.fn, post.swapped, known.at(0)) : Chain{};
      if (!chain.empty() && agree(chain, used_)) {
        used_.insert(used_.end(), chain.begin(), chain.end());
        return append(made, chain);
      }
    }
    if (as_sum) {
      made.over = target_.operands + made.in.size();
      made.in.push_back(call_.in(input, target_.form));
      return made.ops.append_sum(1.0F);
    }
    auto [ref, desc] = operand(input, elements);
    Fn fn = binary_of(op.fn);
    if (post.swapped && op.fn == ops::BinaryFn::kSub) {
      append(made, {{Fn::eltwise_linear, -1}});
      fn = Fn::binary_add;
    }
    made.args.push_back({DNNL_ARG_ATTR_MULTIPLE_POST_OP(made.ops.len()) | DNNL_ARG_SRC_1,
                         target_.operands + made.in.size(), desc});
    made.in.push_back(ref);
    made.ops.append_binary(fn, desc);
  }

  PostOps made;

 private:
  std::pair<Ref, dnnl::memory::desc> operand(size_t input, int64_t elements) {
    if (elements == element_count(target_.dims)) {
      return {call_.in(input, target_.form), desc_of(target_.dims, target_.form)};
    }
    Shape dims(target_.dims.size(), 1);
    const Form plain{target_.form.dtype, Layout::kPlain};
    if (elements == 1) return {call_.in(input, plain), desc_of(dims, plain)};
    dims[target_.channel] = target_.dims[target_.channel];
    return {channels_in(call_, input, dims, target_.form), desc_of(dims, target_.form)};
  }

  LowerCall& call_;
  const PostTarget& target_;
  Chain used_;
};

}  // namespace

bool fits_post_op(const Op& op, bool swapped, std::span<const Post> before) {
  if (!agree(needed(op, swapped), needed(before))) return false;
  const auto* binary = std::get_if<ops::Binary>(&op);
  if (binary == nullptr) return !chain_of(op).empty();
  if (binary->fn == ops::BinaryFn::kDiv) return !swapped;
  constexpr ops::BinaryFn kFit[] = {ops::BinaryFn::kAdd, ops::BinaryFn::kSub, ops::BinaryFn::kMul,
                                    ops::BinaryFn::kMin, ops::BinaryFn::kMax};
  return std::find(std::begin(kFit), std::end(kFit), binary->fn) != std::end(kFit);
}

bool fits_post_operand(const Shape& operand, const Shape& result, size_t channel) {
  if (operand.size() > result.size()) return false;
  const Shape shape = with_rank(operand, result.size());
  if (operand == result || element_count(shape) == 1) return true;
  return element_count(shape) == shape[channel] && shape[channel] == result[channel];
}

std::optional<size_t> sum_post(const LowerCall& call) {
  const auto posts = call.posts();
  for (size_t i = 0; i < posts.size(); ++i) {
    const auto* binary = std::get_if<ops::Binary>(posts[i].op);
    if (binary == nullptr || binary->fn != ops::BinaryFn::kAdd) continue;
    const TensorType& operand = call.in_type(posts[i].operand.value());
    if (operand.elements() == call.out_type().elements() && operand.elements() > 1) return i;
  }
  return std::nullopt;
}

PostOps post_ops(LowerCall& call, const PostTarget& target, bool as_sum) {
  Translation translation(call, target);
  const auto summed = as_sum ? sum_post(call) : std::nullopt;
  const auto posts = call.posts();
  for (size_t i = 0; i < posts.size(); ++i) {
    translation.made.text += " + " + std::string(op_name(*posts[i].op));
    if (const auto* binary = std::get_if<ops::Binary>(posts[i].op)) {
      translation.binary(posts[i], *binary, summed == i);
    } else {
      append(translation.made, chain_of(*posts[i].op));
    }
  }
  return std::move(translation.made);
}

}  // namespace rung::onednn
