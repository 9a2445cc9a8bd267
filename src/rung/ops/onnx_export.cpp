#include "rung/ops/onnx_export.h"

#include <algorithm>

#include "rung/base/error.h"

namespace rung::ops {

void check_float8(const Op& op, const OnnxWriter& w) {
  bool any = is_float8(w.result().dtype);
  for (size_t i = 0; i < w.size(); ++i) any = any || is_float8(w.type(i).dtype);
  if (!any) return;
  if (w.opset() < 19) fail_unsupported("8-bit floats need opset 19, not {}", w.opset());
  const bool moves = std::holds_alternative<Transpose>(op) || std::holds_alternative<Squeeze>(op) ||
                     std::holds_alternative<Unsqueeze>(op);
  if (std::holds_alternative<Cast>(op) || std::holds_alternative<Reshape>(op)) return;
  if (moves && w.opset() >= 21) return;
  fail_unsupported("ONNX has no such operator for 8-bit floats; cast to f16 in front of it");
}

OnnxValues OnnxWriter::inputs() const {
  OnnxValues out;
  for (size_t i = 0; i < size(); ++i) out.push_back(in(i));
  return out;
}

OnnxValue OnnxWriter::integers(const Sizes& values) {
  return constant(Tensor::i64({static_cast<int64_t>(values.size())}, values));
}

OnnxValue OnnxWriter::integer(int64_t value) { return constant(Tensor::i64({}, {value})); }

OnnxValue OnnxWriter::number(double value, DType dtype) {
  Tensor out(dtype, {});
  out.set(0, value);
  return constant(out);
}

OnnxValue OnnxWriter::filled(int64_t n, double value, DType dtype) {
  Tensor out(dtype, {n});
  for (int64_t i = 0; i < n; ++i) out.set(i, value);
  return constant(out);
}

OnnxValue OnnxWriter::cast(OnnxValue x, DType dtype) {
  OnnxAttributes attributes{{"to", dtype_to_onnx(dtype)}};
  if (is_float8(dtype)) attributes.emplace("saturate", int64_t{0});  // as LibTorch converts
  return add("Cast", {std::move(x)}, std::move(attributes));
}

OnnxValue OnnxWriter::cast_input(size_t i, DType dtype) {
  return type(i).dtype == dtype ? in(i) : cast(in(i), dtype);
}

OnnxValue OnnxWriter::transpose(OnnxValue x, const Sizes& order) {
  if (std::is_sorted(order.begin(), order.end())) return x;
  return add("Transpose", {std::move(x)}, {{"perm", order}});
}

OnnxValue OnnxWriter::unsqueeze(OnnxValue x, const Sizes& axes) {
  return axes.empty() ? x : add("Unsqueeze", {std::move(x), integers(axes)});
}

OnnxValue OnnxWriter::squeeze(OnnxValue x, const Sizes& axes) {
  return axes.empty() ? x : add("Squeeze", {std::move(x), integers(axes)});
}

OnnxValue OnnxWriter::concat(OnnxValues parts, int64_t axis) {
  return parts.size() == 1 ? parts[0] : add("Concat", std::move(parts), {{"axis", axis}});
}

OnnxValue OnnxWriter::slice(OnnxValue x, int64_t axis, int64_t begin, int64_t end, int64_t step) {
  return add("Slice", {std::move(x), integers({begin}), integers({end}), integers({axis}),
                       integers({step})});
}

OnnxValue OnnxWriter::reduce(std::string_view op, OnnxValue x, const Sizes& axes, bool keep) {
  OnnxAttributes attributes{{"keepdims", int64_t{keep}}};
  OnnxValues inputs{std::move(x)};
  const bool as_input = opset() >= 18 || op == "ReduceSum";
  if (!axes.empty() && as_input) inputs.push_back(integers(axes));
  if (!axes.empty() && !as_input) attributes.emplace("axes", axes);
  return add(op, std::move(inputs), std::move(attributes));
}

OnnxSize OnnxWriter::extent(size_t i, int64_t axis) {
  const Dims all = sizes(i);
  const auto place = static_cast<size_t>(axis < 0 ? axis + static_cast<int64_t>(all.size()) : axis);
  if (!all.at(place).varies()) return {.number = all[place].value()};
  const auto begin = static_cast<int64_t>(place);
  if (opset() >= 15) {
    return {.number = {}, .tensor = add("Shape", {in(i)}, {{"start", begin}, {"end", begin + 1}})};
  }
  return {.number = {}, .tensor = slice(add("Shape", {in(i)}), 0, begin, begin + 1)};
}

OnnxValue OnnxWriter::tensor_of(const OnnxSize& size) {
  return size.number ? integers({*size.number}) : size.tensor;
}

OnnxSize OnnxWriter::sum(const OnnxSize& a, const OnnxSize& b) {
  if (a.number && b.number) return {.number = *a.number + *b.number};
  return {.number = {}, .tensor = add("Add", {tensor_of(a), tensor_of(b)})};
}

OnnxSize OnnxWriter::difference(const OnnxSize& a, const OnnxSize& b) {
  if (a.number && b.number) return {.number = *a.number - *b.number};
  return {.number = {}, .tensor = add("Sub", {tensor_of(a), tensor_of(b)})};
}

OnnxSize OnnxWriter::quotient(const OnnxSize& a, int64_t b) {
  if (a.number) return {.number = *a.number / b};
  return {.number = {}, .tensor = add("Div", {a.tensor, integers({b})})};
}

OnnxSize OnnxWriter::negated(const OnnxSize& a) {
  if (a.number) return {.number = -*a.number};
  return {.number = {}, .tensor = add("Neg", {a.tensor})};
}

OnnxValue OnnxWriter::list(const std::vector<OnnxSize>& sizes) {
  OnnxValues parts;
  Sizes run;  // numbers side by side are one constant
  const auto flush = [&] {
    if (!run.empty()) parts.push_back(integers(run));
    run.clear();
  };
  for (const OnnxSize& size : sizes) {
    if (size.number) {
      run.push_back(*size.number);
    } else {
      flush();
      parts.push_back(size.tensor);
    }
  }
  flush();
  return parts.empty() ? integers({}) : concat(std::move(parts), 0);
}

namespace {

/// The axis of an input that has this size at every size of the network's inputs.
std::optional<std::pair<size_t, size_t>> find_axis(const OnnxWriter& w, const Dim& size) {
  for (size_t i = 0; i < w.size(); ++i) {
    const Dims all = w.sizes(i);
    for (size_t axis = 0; axis < all.size(); ++axis) {
      if (all[axis].seen == size.seen) return std::pair{i, axis};
    }
  }
  return std::nullopt;
}

}  // namespace

OnnxValue OnnxWriter::shape(const Dims& sizes) {
  std::vector<OnnxSize> out;
  for (const Dim& size : sizes) {
    if (!size.varies()) {
      out.push_back({.number = size.value()});
    } else if (const auto found = find_axis(*this, size)) {
      out.push_back(extent(found->first, static_cast<int64_t>(found->second)));
    } else {
      fix({size});
    }
  }
  return list(out);
}

OnnxValue OnnxWriter::reshape(OnnxValue x, const Dims& from, const Dims& to) {
  std::vector<OnnxSize> out;
  bool open = false;  // one size may be left to be worked out
  for (size_t i = 0; i < to.size(); ++i) {
    if (!to[i].varies()) {
      out.push_back({.number = to[i].value()});
    } else if (i < from.size() && from[i].seen == to[i].seen) {
      out.push_back({.number = 0});
    } else if (!open) {
      open = true;
      out.push_back({.number = -1});
    } else if (const auto found = find_axis(*this, to[i])) {
      out.push_back(extent(found->first, static_cast<int64_t>(found->second)));
    } else {
      fix({to[i]});
    }
  }
  return add("Reshape", {std::move(x), list(out)});
}

OnnxValue OnnxWriter::range(const OnnxSize& size) {
  if (size.number) {
    Sizes all;
    for (int64_t i = 0; i < *size.number; ++i) all.push_back(i);
    return integers(all);
  }
  return add("Range", {integer(0), squeeze(size.tensor, {0}), integer(1)});
}

}  // namespace rung::ops
