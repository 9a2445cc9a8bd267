#pragma once

#include <onnx/onnx_pb.h>

#include "rung/io/onnx/names.h"

namespace rung::onnx_import {

/// Where a node comes from. What an exporter made of a batch norm and the layer in front of it
/// belongs to that layer, whose weight it reads.
NodeOrigin origin_of(const onnx::NodeProto& node);

}  // namespace rung::onnx_import
