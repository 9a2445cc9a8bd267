#pragma once

#include <algorithm>

#include "rung/base/error.h"
#include "rung/exec/eager/convert.h"
#include "rung/exec/eager/trace_lowering.h"

namespace rung::tracing {

/// A call as its rule sees it.
class CallView final : public ops::AtenCall {
 public:
  CallView(Lowering& lowering, size_t index)
      : lowering_(lowering), index_(index), call_(lowering.base_.calls[index]) {}

  std::string_view name() const override { return call_.name; }
  size_t size() const override { return call_.arguments.size(); }
  bool given(size_t i) const override {
    return i < size() && (is_tensor(i) || is_list(i) || !value(i).isNone());
  }
  bool is_tensor(size_t i) const override {
    return call_.arguments.at(i).kind == Argument::Kind::kTensor;
  }
  ops::Ref tensor(size_t i) override {
    if (!is_tensor(i)) fail_user("argument {} of {} is not a tensor", i, call_.name);
    return lowering_.ref(call_.arguments[i].tensors[0]);
  }
  std::vector<std::optional<ops::Ref>> tensors(size_t i) override {
    std::vector<std::optional<ops::Ref>> out;
    for (const ValueId id : call_.arguments.at(i).tensors) {
      out.push_back(id == kNoValue ? std::optional<ops::Ref>() : lowering_.ref(id));
    }
    return out;
  }
  const c10::IValue& value(size_t i) const override { return call_.arguments.at(i).constant; }
  ops::Dims dims(size_t i) const override;
  ops::Dims sizes(size_t argument) const override {
    return lowering_.sizes(call_.arguments.at(argument).tensors.at(0));
  }
  ops::Dims result_sizes(size_t output) const override {
    return lowering_.sizes(call_.outputs.at(output));
  }
  DType result_dtype(size_t output) const override {
    return from_torch(lowering_.traced(call_.outputs.at(output)).type);
  }
  size_t results() const override { return call_.outputs.size(); }
  bool used(size_t output) const override {
    return lowering_.used_.contains(call_.outputs.at(output));
  }
  bool is_zeros(ops::Ref ref) const override;
  std::optional<ops::Like> find_like(const ops::Dims& sizes) override;
  [[noreturn]] void fix(const ops::Dims& sizes) const override {
    lowering_.check_same(call_.name, [&](size_t k) {
      return std::any_of(sizes.begin(), sizes.end(),
                         [&](const ops::Dim& size) { return size.seen[k] != size.seen[0]; });
    });
    fail_bug("{} gave up a size that does not vary", call_.name);
  }
  const TensorType& type(ops::Ref ref) const override { return lowering_.type(ref); }
  ops::Dims sizes_of(ops::Ref ref) const override { return lowering_.sizes_of(ref); }
  ops::Maker maker_of(ops::Ref ref) const override {
    const LoweredNode& node = lowering_.maker(ref);
    return {node.op, node.inputs};
  }
  ops::Ref add_again(ops::Ref made, std::vector<ops::Ref> inputs) override {
    const LoweredNode& node = lowering_.maker(made);
    auto types = infer(node.op, lowering_.types(inputs));
    return lowering_.add({node.op, std::move(inputs), std::move(types), {}, node.call})[0];
  }
  std::vector<ops::Ref> add_all(Op op, std::vector<ops::Ref> inputs) override {
    auto types = infer(op, lowering_.types(inputs));
    return lowering_.add({std::move(op), std::move(inputs), std::move(types), {}, index_});
  }

 protected:
  void check_fixed(size_t i) const override {
    lowering_.check_same(call_.name, [&](size_t k) {
      return !(lowering_.records_[k]->calls[index_].arguments.at(i).constant == value(i));
    });
  }

 private:
  bool is_list(size_t i) const { return call_.arguments.at(i).kind == Argument::Kind::kTensors; }
  std::optional<ops::Like> like(ValueId id, const ops::Dims& sizes);

  Lowering& lowering_;
  size_t index_;
  const Call& call_;
};

}  // namespace rung::tracing
