#include "rung/io/onnx/call_view.h"
#include "rung/io/onnx/lowering.h"

namespace rung::onnx_import {
namespace {

/// Whether these are 0, 1, … up to the last place of so many.
bool counts_all(const Tensor& places, int64_t count) {
  if (places.elements() != count || is_floating(places.dtype())) return false;
  for (int64_t i = 0; i < count; ++i) {
    if (places.at(i) != static_cast<double>(i)) return false;
  }
  return true;
}

}  // namespace

/// A Gather of all elements of a list in their order, which is a Reshape: PyTorch 2.6 writes
/// `as_strided` so, where it copies a contiguous tensor. As indices it would hold the batch.
bool Lowering::lower_whole_gather(const onnx::NodeProto& node, const Inputs& in, Scope& scope) {
  if (node.op_type() != "Gather" || in.size() != 2 || node.output_size() != 1 || in[0] == nullptr ||
      in[1] == nullptr || !in[0]->ref || in[1]->known.empty() ||
      in[1]->known[0].shape().size() < 2) {
    return false;
  }
  const ops::Dims sizes = draft_.dims_of(*in[0]->ref);
  if (sizes.size() != 1) return false;
  FileValue shape;
  for (size_t k = 0; k < draft_.sizes(); ++k) {
    const Tensor& places = in[1]->known[k];
    if (!counts_all(places, sizes[0].seen[k])) return false;
    const Shape& own = places.shape();
    shape.known.push_back(
        Tensor::i64({static_cast<int64_t>(own.size())}, {own.begin(), own.end()}));
  }
  Scope inner;
  inner.opset = scope.opset;
  inner.bind("list", in[0]);
  inner.bind("shape", std::move(shape));
  onnx::NodeProto reshape;
  reshape.set_op_type("Reshape");
  for (const char* name : {"list", "shape"}) reshape.add_input(name);
  reshape.add_output("whole");
  lower_node(reshape, inner);
  scope.bind(node.output(0), inner.find("whole"));
  return true;
}

}  // namespace rung::onnx_import
