#pragma once

#include <set>
#include <string>
#include <vector>

#include "rung/base/error.h"
#include "rung/io/onnx/import.h"
#include "rung/io/onnx/onnx_file.h"

namespace rung::onnx_import {

/// An input of the file: a type, and which of its axes are free.
struct GraphInput {
  std::string name;  ///< as the file has it
  ops::Input op;     ///< at the example's sizes
};

/// Sizes of the inputs, by their place.
using InputSizes = std::vector<Shape>;

/// Thrown where a graph cannot follow a size: the sizes (in the list that was tried) at which it
/// differs from the first, and the operator.
struct SizeVaries {
  std::vector<size_t> places;
  std::string what;
};

/// Thrown where the network does not take the sizes in this place of the list.
struct SizeRefused {
  size_t place;
  Error error;
};

/// Turns a file into a network, followed at all of these sizes of the inputs, the examples' first.
/// Throws SizeVaries, SizeRefused, and what load_onnx throws.
Model lower(const OnnxFile& file, const std::vector<GraphInput>& inputs,
            const std::vector<InputSizes>& sizes, const OnnxOptions& options, OnnxReport& report);

}  // namespace rung::onnx_import
