#include "rung/exec/eager/trace_call.h"

namespace rung::tracing {

using ops::Dim;
using ops::Dims;
using ops::Ref;

namespace {

/// What an argument holds, as whole numbers.
std::vector<int64_t> whole_numbers(const c10::IValue& value) {
  if (value.isInt()) return {value.toInt()};
  if (value.isIntList()) return value.toIntVector();
  return {};
}

}  // namespace

Dims CallView::dims(size_t i) const {
  Dims out;
  for (const Record* record : lowering_.records_) {
    const auto numbers = whole_numbers(record->calls[index_].arguments.at(i).constant);
    out.resize(numbers.size());
    for (size_t k = 0; k < numbers.size(); ++k) out[k].seen.push_back(numbers[k]);
  }
  return out;
}

bool CallView::is_zeros(Ref ref) const {
  const auto place = lowering_.out_.refs[static_cast<size_t>(ref)].first;
  const auto& node = lowering_.out_.nodes[place];
  if (!node.call) return false;
  const auto& name = lowering_.out_.calls[*node.call];
  return name == "zeros" || name == "new_zeros" || name == "zeros_like";
}

std::optional<ops::Like> CallView::like(ValueId id, const Dims& sizes) {
  const Dims have = lowering_.sizes(id);
  ops::Like out;
  size_t axis = 0;
  for (const Dim& size : sizes) {
    while (axis < have.size() && have[axis].seen != size.seen) ++axis;
    if (axis == have.size()) return std::nullopt;
    out.axes.push_back(static_cast<int64_t>(axis++));
  }
  out.tensor = lowering_.ref(id);
  return out;
}

std::optional<ops::Like> CallView::find_like(const Dims& sizes) {
  std::vector<ValueId> candidates;
  for (size_t i = 0; i < lowering_.base_.inputs; ++i) {
    candidates.push_back(static_cast<ValueId>(i));
  }
  for (const auto& argument : call_.arguments) {
    for (const ValueId id : argument.tensors) {
      if (id != kNoValue) candidates.push_back(id);
    }
  }
  const auto others = lowering_.values_with(sizes);
  candidates.insert(candidates.end(), others.begin(), others.end());
  for (const ValueId id : candidates) {
    if (auto found = like(id, sizes)) return found;
  }
  return std::nullopt;
}

}  // namespace rung::tracing
