#pragma once

#include <onnx/onnx_pb.h>

#include "rung/io/onnx/values.h"

namespace rung::onnx_import {

/// A node of the file as its rule sees it.
class CallView final : public ops::OnnxCall {
 public:
  using Ref = ops::Ref;
  using Dims = ops::Dims;

  CallView(Draft& draft, const FileValues& values, const onnx::NodeProto& node,
           const ops::OnnxAttributes& attributes, const std::vector<std::shared_ptr<FileValue>>& in,
           int64_t opset)
      : OnnxCall(attributes), draft_(draft), values_(values), node_(node), in_(in), opset_(opset) {}

  std::string_view name() const override { return node_.op_type(); }
  int64_t opset() const override { return opset_; }
  size_t size() const override { return in_.size(); }
  bool given(size_t i) const override { return i < in_.size() && in_[i] != nullptr; }
  Ref tensor(size_t i) override { return values_.ref(value(i)); }
  Ref buffer(size_t i) override { return values_.ref(value(i), true); }
  std::optional<Ref> turned_weight(size_t i) override { return values_.turned_ref(value(i)); }
  Dims sizes(size_t i) const override;
  size_t rank(size_t i) const override { return sizes(i).size(); }
  DType dtype(size_t i) const override;
  bool known(size_t i) const override;
  Tensor constant(size_t i) const override;
  Dims dims(size_t i) const override;
  size_t results() const override { return static_cast<size_t>(node_.output_size()); }
  bool used(size_t output) const override {
    return output < results() && !node_.output(static_cast<int>(output)).empty();
  }
  Dims sizes_of(Ref ref) const override { return draft_.dims_of(ref); }
  ops::Maker maker_of(Ref ref) const override { return draft_.maker_of(ref); }
  Ref weight(const std::string& suffix, Tensor value) override {
    return draft_.weight(std::move(value), "", suffix, false);
  }
  const TensorType& type(Ref ref) const override { return draft_.type(ref); }
  std::vector<Ref> add_all(Op op, std::vector<Ref> inputs) override {
    return draft_.add(std::move(op), std::move(inputs));
  }
  Ref add_again(Ref made, std::vector<Ref> inputs) override {
    return draft_.add_again(made, std::move(inputs));
  }
  std::optional<ops::Like> find_like(const Dims& sizes) override {
    return draft_.find_like(sizes, arguments());
  }
  [[noreturn]] void fix(const Dims& sizes) const override { draft_.fix(sizes, name()); }

 private:
  FileValue& value(size_t i) const;
  const std::vector<Tensor>& numbers_of(size_t i) const;
  std::vector<Ref> arguments() const;

  Draft& draft_;
  const FileValues& values_;
  const onnx::NodeProto& node_;
  const std::vector<std::shared_ptr<FileValue>>& in_;
  int64_t opset_;
};

}  // namespace rung::onnx_import
