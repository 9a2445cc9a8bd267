#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "rung/ops/kernel.h"
#include "rung/ops/matrix_offsets.h"
#include "rung/ops/post_ops.h"
#include "rung/ops/primitives.h"

namespace rung::ops {
namespace {

using onednn::Form;
using onednn::Implementation;
using onednn::LowerCall;
using onednn::PostOps;
using onednn::Ref;
using onednn::Step;
using onednn::Way;

/// y = a b, as oneDNN sees it: sizes of one rank, those in front of the last two broadcast.
struct Product {
  Shape a, b, y;
  size_t a_input = 0, b_input = 1;        ///< of the call
  std::optional<size_t> bias_input = {};  ///< one number for each column of y
  bool transposed = false;                ///< b lies with its last two axes swapped
  int64_t inner() const { return a.back(); }
};

Shape swapped(Shape shape) {
  std::swap(shape.back(), shape[shape.size() - 2]);
  return shape;
}

dnnl::memory::desc with_last_axes_swapped(const dnnl::memory::desc& desc, size_t rank) {
  std::vector<int> axes(rank);
  std::iota(axes.begin(), axes.end(), 0);
  std::swap(axes.back(), axes[axes.size() - 2]);
  return desc.permute_axes(axes);
}

// The operand b where it is not packed.
dnnl::memory::desc lying(const Product& product, DType dtype) {
  if (!product.transposed) return onednn::desc_of(product.b, {dtype});
  return with_last_axes_swapped(onednn::desc_of(swapped(product.b), {dtype}), product.b.size());
}

/// The ways of a product that oneDNN has, of which those that are needed become primitives.
class ProductRule {
 public:
  ProductRule(const Product& product, LowerCall& call)
      : product_(product), call_(call), form_{call.storage(call.out_type().dtype)} {
    known_ = call.known(product.b_input);
    if (known_.defined() && known_.dtype() != DType::kF32) known_ = {};
    step_.in.push_back(call.in(product.a_input, form_));
    if (!known_.defined()) step_.in.push_back(call.in(product.b_input, form_));
    if (product.bias_input) {
      bias_at_ = step_.in.size();
      step_.in.push_back(call.in(*product.bias_input, {DType::kF32}));
    }
    posts_ = onednn::post_ops(call, {.dims = product.y,
                                     .form = form_,
                                     .channel = product.y.size() - 1,
                                     .operands = step_.in.size()});
    step_.in.insert(step_.in.end(), posts_.in.begin(), posts_.in.end());
  }

  void lower(const std::string& what) {
    step_.out = {call_.out(0, form_)};
    step_.what = what + posts_.text;
    step_.key =
        fmt::format("product {} {} {}{}{}{}{}", name(form_.dtype), to_string(product_.a),
                    to_string(product_.b), product_.transposed ? " transposed" : "",
                    known_.defined() ? " known" : "", bias_at_ ? " + bias" : "", posts_.text);
    collect();
    const auto chosen = call_.chosen_way(step_.key);
    const auto found = std::find_if(candidates_.begin(), candidates_.end(),
                                    [&](const Candidate& it) { return it.name == chosen; });
    if (found != candidates_.end()) {
      step_.ways.push_back(found->make());
    } else if (!call_.measures()) {
      step_.ways.push_back(candidates_.front().make());
    } else {
      for (const Candidate& candidate : candidates_) step_.ways.push_back(candidate.make());
    }
    call_.step(std::move(step_));
  }

 private:
  enum class Weights { kLying, kPacked, kPackedSwapped };
  struct Candidate {
    std::string name;
    std::function<Way()> make;
  };

  dnnl::memory::desc source() const { return onednn::desc_of(product_.a, form_); }
  dnnl::memory::desc result() const { return onednn::desc_of(product_.y, form_); }
  dnnl::memory::desc bias(Shape dims) const {
    return bias_at_ ? onednn::desc_of(dims, {DType::kF32}) : dnnl::memory::desc();
  }

  // Measured: packed for matmul is the best or close to it nearly everywhere; packed for
  // inner_product gains a little from some 1000 rows on, and reading as it lies in places where all
  // time goes into reading b.
  void collect() {
    const auto any = [this] {
      return dnnl::memory::desc(product_.b, onednn::to_dnnl(form_.dtype),
                                dnnl::memory::format_tag::any);
    };
    if (known_.defined()) {
      add_matmul(any(), Weights::kPacked, 1);
      if (product_.b.size() == 2) add_inner_product();
    }
    add_matmul(lying(product_, form_.dtype), Weights::kLying, 2);
    if (candidates_.empty()) call_.give_up("oneDNN has no kernel for this product");
  }

  // oneDNN's first `count` implementations; a slow one only where there is no other.
  void add_matmul(const dnnl::memory::desc& b, Weights weights, size_t count) {
    Shape bias_dims(product_.y.size(), 1);
    bias_dims.back() = product_.y.back();
    const auto found = onednn::implementations<dnnl::matmul>(count, posts_.ops, source(), b,
                                                             bias(bias_dims), result());
    for (const Implementation& it : found) {
      const std::string name = "matmul " + it.name();
      const bool same = std::any_of(candidates_.begin(), candidates_.end(),
                                    [&](const Candidate& other) { return other.name == name; });
      if (same || (onednn::is_slow(name) && !candidates_.empty())) continue;
      candidates_.push_back({name, [this, it, name, weights] { return way(name, it, weights); }});
    }
  }

  void add_inner_product() {
    const auto any = dnnl::memory::desc(swapped(product_.b), onednn::to_dnnl(form_.dtype),
                                        dnnl::memory::format_tag::any);
    const auto found = onednn::implementations<dnnl::inner_product_forward>(
        1, posts_.ops, dnnl::prop_kind::forward_inference, source(), any, bias({product_.y.back()}),
        result());
    if (found.empty()) return;
    const std::string name = "inner_product " + found[0].name();
    if (name.find("brgemm") == std::string::npos) return;  // the others are matmul's gemm
    candidates_.push_back(
        {name, [this, it = found[0], name] { return way(name, it, Weights::kPackedSwapped); }});
  }

  Way way(const std::string& name, const Implementation& made, Weights weights) {
    const size_t inputs = step_.in.size(), constants = known_.defined() ? 1 : 0;
    std::vector<std::pair<int, size_t>> operands = {
        {DNNL_ARG_SRC, 0},
        {DNNL_ARG_WEIGHTS, known_.defined() ? inputs : 1},
        {DNNL_ARG_DST, inputs + constants}};
    if (bias_at_) operands.emplace_back(DNNL_ARG_BIAS, *bias_at_);
    Way way = made.way(operands);
    way.name = name;
    way.args.insert(way.args.end(), posts_.args.begin(), posts_.args.end());
    if (known_.defined()) way.constants = {weights_in(made.wants(DNNL_ARG_WEIGHTS), weights)};
    return way;
  }

  Ref weights_in(const dnnl::memory::desc& as, Weights weights) {
    if (weights == Weights::kLying) return call_.in(product_.b_input, form_);
    const Shape lies = product_.transposed ? swapped(product_.b) : product_.b;
    const bool turned = product_.transposed != (weights == Weights::kPackedSwapped);
    return call_.packed({known_.dtype(), lies, known_.storage()},
                        turned ? with_last_axes_swapped(as, product_.b.size()) : as);
  }

  const Product& product_;
  LowerCall& call_;
  Form form_;
  Tensor known_;
  Step step_;
  std::optional<size_t> bias_at_;
  PostOps posts_;
  std::vector<Candidate> candidates_;
};

// As few axes as possible: where b is one matrix, a's leading axes are rows; where both have the
// same leading axes, these are one.
Product merged(Product product) {
  const auto leading = [](const Shape& shape) { return Shape(shape.begin(), shape.end() - 2); };
  const auto shape = [](int64_t count, const Shape& of) {
    return Shape{count, of[of.size() - 2], of.back()};
  };
  const Shape a = leading(product.a), b = leading(product.b);
  const int64_t a_count = element_count(a), b_count = element_count(b);
  if (b_count == 1) {
    const int64_t columns = product.b.back();
    product.a = {a_count * product.a[a.size()], product.a.back()};
    product.b = {product.b[b.size()], columns};
    product.y = {product.a[0], columns};
  } else if (a == b || a_count == 1) {
    product.a = shape(a_count, product.a);
    product.b = shape(b_count, product.b);
    product.y = shape(b_count, product.y);
  }
  return product;
}

// In words of the graph's axes. A vector b stands on the left, so that the columns of the result
// are the graph's last axis.
Product product_of(Shape a, Shape b) {
  Product product;
  if (b.size() == 1) {
    product.transposed = true;
    std::swap(product.a_input, product.b_input);
    b = {1, b[0]};
    a = a.size() == 1 ? Shape{a[0], 1} : swapped(a);
    std::swap(a, b);
  } else if (a.size() == 1) {
    a = {1, a[0]};
  }
  const size_t rank = std::max(a.size(), b.size());
  a.insert(a.begin(), rank - a.size(), 1);
  b.insert(b.begin(), rank - b.size(), 1);
  product.y = broadcast(Shape(a.begin(), a.end() - 2), Shape(b.begin(), b.end() - 2));
  product.y.insert(product.y.end(), {a[rank - 2], b[rank - 1]});
  product.a = std::move(a);
  product.b = std::move(b);
  return product.transposed ? product : merged(std::move(product));
}

// For types that oneDNN does not know, which nobody multiplies much.
template <typename T>
void lower_by_loops(const Product& product, LowerCall& call) {
  const int64_t rows = product.y[product.y.size() - 2], columns = product.y.back();
  const int64_t inner = product.inner();
  const int64_t row_step = product.transposed ? 1 : columns;
  const int64_t column_step = product.transposed ? inner : 1;
  call.kernel("product of whole or double numbers",
              {call.in(product.a_input, {call.in_type(0).dtype}),
               call.in(product.b_input, {call.in_type(0).dtype})},
              {call.out(0, {call.out_type().dtype})},
              [=, a_at = onednn::matrix_offsets(product.a, product.y),
               b_at = onednn::matrix_offsets(product.b, product.y)](const onednn::Pointers& at) {
                const auto* a = reinterpret_cast<const T*>(at.in[0]);
                const auto* b = reinterpret_cast<const T*>(at.in[1]);
                auto* y = reinterpret_cast<T*>(at.out[0]);
                const auto count = static_cast<int64_t>(a_at.size()) * rows;
                onednn::parallel_for(count, 16, [&](int64_t begin, int64_t end) {
                  for (int64_t i = begin; i < end; ++i) {
                    const auto matrix = static_cast<size_t>(i / rows);
                    const T* row = a + a_at[matrix] + i % rows * inner;
                    for (int64_t j = 0; j < columns; ++j) {
                      const T* column = b + b_at[matrix] + j * column_step;
                      T sum = 0;
                      for (int64_t k = 0; k < inner; ++k) sum += row[k] * column[k * row_step];
                      y[i * columns + j] = sum;
                    }
                  }
                });
              });
}

void lower_empty(LowerCall& call) {
  call.kernel("nothing", {}, {call.out(0, {call.storage(call.out_type().dtype)})},
              [](const onednn::Pointers&) {});
}

void lower_product(const Product& product, LowerCall& call, const std::string& what) {
  const DType dtype = call.out_type().dtype;
  if (element_count(product.y) == 0) return lower_empty(call);
  if (product.inner() == 0) call.give_up("sums of nothing have no kernel");
  if (dtype == DType::kF32 || dtype == DType::kBF16) return ProductRule(product, call).lower(what);
  const bool plain = call.posts().empty() && !product.bias_input;
  if (plain && dtype == DType::kI64) return lower_by_loops<int64_t>(product, call);
  if (plain && dtype == DType::kI32) return lower_by_loops<int32_t>(product, call);
  if (plain && dtype == DType::kF64) return lower_by_loops<double>(product, call);
  call.give_up(fmt::format("products of {} have no kernel", name(dtype)));
}

}  // namespace

void lower(const Linear&, LowerCall& call) {
  const int64_t inputs = call.in_type(1).shape[1], outputs = call.in_type(1).shape[0];
  const int64_t rows = element_count(call.out_type().shape) / std::max<int64_t>(outputs, 1);
  Product product{.a = {rows, inputs}, .b = {inputs, outputs}, .y = {rows, outputs}};
  product.transposed = true;
  size_t operands = call.in_types().size();
  for (const auto& post : call.posts()) operands -= post.operand ? 1 : 0;
  if (operands > 2) product.bias_input = 2;
  lower_product(product, call, fmt::format("linear {} -> {}, {} rows", inputs, outputs, rows));
}

void lower(const MatMul&, LowerCall& call) {
  const Product product = product_of(call.in_type(0).shape, call.in_type(1).shape);
  lower_product(product, call,
                fmt::format("product {} {}", to_string(product.a), to_string(product.b)));
}

}  // namespace rung::ops
