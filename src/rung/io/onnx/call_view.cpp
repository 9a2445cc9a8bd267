#include "rung/io/onnx/call_view.h"

namespace rung::onnx_import {

using ops::Dims;
using ops::Ref;

FileValue& CallView::value(size_t i) const {
  if (!given(i)) fail_user("input {} is missing", i);
  return *in_[i];
}

const std::vector<Tensor>& CallView::numbers_of(size_t i) const {
  const auto& numbers = values_.known(value(i));
  if (numbers.empty()) {
    fail_unsupported("input {} must be known when the file is read, and data decides it", i);
  }
  return numbers;
}

std::vector<Ref> CallView::arguments() const {
  std::vector<Ref> out;
  for (const auto& v : in_) {
    if (v != nullptr && v->ref) out.push_back(*v->ref);
  }
  return out;
}

Dims CallView::sizes(size_t i) const {
  FileValue& v = value(i);
  if (v.ref) return draft_.dims_of(*v.ref);
  const auto& numbers = values_.known(v);
  Dims out(numbers[0].shape().size());
  for (const Tensor& t : numbers) {
    for (size_t axis = 0; axis < out.size(); ++axis) out[axis].seen.push_back(t.shape()[axis]);
  }
  return out;
}

DType CallView::dtype(size_t i) const {
  FileValue& v = value(i);
  return v.ref ? draft_.type(*v.ref).dtype : values_.known(v)[0].dtype();
}

bool CallView::known(size_t i) const { return FileValues::is_known(value(i)); }

Tensor CallView::constant(size_t i) const {
  const auto& numbers = numbers_of(i);
  draft_.check_same(name(), [&](size_t k) { return !numbers[k].identical(numbers[0]); });
  return numbers[0];
}

Dims CallView::dims(size_t i) const {
  const auto& numbers = numbers_of(i);
  draft_.check_same(name(), [&](size_t k) { return numbers[k].shape() != numbers[0].shape(); });
  Dims out(static_cast<size_t>(numbers[0].elements()));
  for (const Tensor& t : numbers) {
    for (size_t n = 0; n < out.size(); ++n) {
      out[n].seen.push_back(t.dtype() == DType::kI64
                                ? t.as<int64_t>()[n]
                                : static_cast<int64_t>(t.at(static_cast<int64_t>(n))));
    }
  }
  return out;
}

}  // namespace rung::onnx_import
