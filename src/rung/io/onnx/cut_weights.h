#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rung {

/// Where the numbers of an initializer lie in the file, as they lie in memory.
struct WeightPlace {
  size_t offset = 0;
  size_t bytes = 0;   ///< 0: the initializer was left whole
  int32_t field = 0;  ///< of TensorProto: raw_data, float_data or double_data
};

/// An ONNX model without its large weights, so that parsing it takes neither time nor memory for
/// them.
struct CutModel {
  std::string rest;                 ///< a ModelProto
  std::vector<WeightPlace> places;  ///< of the graph's initializers, in their order
};

/// Cuts the numbers of the graph's initializers out of a serialized ModelProto, where they are a
/// kilobyte or more. Nothing where the bytes are no protobuf message.
std::optional<CutModel> cut_weights(std::string_view file);

}  // namespace rung
