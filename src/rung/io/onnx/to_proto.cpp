#include "rung/io/onnx/to_proto.h"

namespace rung::onnx_export {

void fill(onnx::TensorProto& proto, const std::string& name, const Tensor& tensor) {
  proto.set_name(name);
  proto.set_data_type(static_cast<int32_t>(ops::dtype_to_onnx(tensor.dtype())));
  for (const int64_t size : tensor.shape()) proto.add_dims(size);
  proto.set_raw_data(tensor.data(), static_cast<size_t>(tensor.bytes()));
}

namespace {

struct FillAttribute {
  onnx::AttributeProto& proto;
  void operator()(int64_t value) const {
    proto.set_type(onnx::AttributeProto::INT);
    proto.set_i(value);
  }
  void operator()(double value) const {
    proto.set_type(onnx::AttributeProto::FLOAT);
    proto.set_f(static_cast<float>(value));
  }
  void operator()(const std::string& value) const {
    proto.set_type(onnx::AttributeProto::STRING);
    proto.set_s(value);
  }
  void operator()(const ops::Sizes& values) const {
    proto.set_type(onnx::AttributeProto::INTS);
    for (const int64_t value : values) proto.add_ints(value);
  }
  void operator()(const std::vector<double>& values) const {
    proto.set_type(onnx::AttributeProto::FLOATS);
    for (const double value : values) proto.add_floats(static_cast<float>(value));
  }
  void operator()(const std::vector<std::string>& values) const {
    proto.set_type(onnx::AttributeProto::STRINGS);
    for (const auto& value : values) proto.add_strings(value);
  }
  void operator()(const Tensor& value) const {
    proto.set_type(onnx::AttributeProto::TENSOR);
    fill(*proto.mutable_t(), "", value);
  }
};

}  // namespace

void fill(onnx::AttributeProto& proto, const std::string& name, const ops::OnnxAttribute& value) {
  proto.set_name(name);
  std::visit(FillAttribute{proto}, value);
}

}  // namespace rung::onnx_export
