#pragma once

#include <functional>
#include <string>
#include <vector>

#include "rung/graph/model.h"

namespace rung {

/// What became of the tensors of a file, each list in the order of the names.
struct WeightReport {
  std::vector<std::string> matched;
  std::vector<std::string> missing;      ///< weights of the network that the file lacks
  std::vector<std::string> unexpected;   ///< tensors that the network has no use for
  std::vector<std::string> wrong_shape;  ///< "fc.weight: the network needs [10, 512], the file …"
  std::vector<std::string> adapted;      ///< "conv1.weight: 3 channels summed to 1"
  std::vector<std::string> fresh;  ///< weights that are drawn although the file has such a name
  std::vector<std::string> notes;  ///< what else was done: a prefix taken off, say

  bool complete() const { return missing.empty() && unexpected.empty() && wrong_shape.empty(); }
  /// "122 matched, 2 missing, …", then up to ten lines of every other list.
  std::string text() const;
};

struct LoadWeightsOptions {
  /// The network's name of a tensor, given the file's; missing: the same. Empty leaves it out.
  std::function<std::string(const std::string&)> rename = nullptr;
  /// Throw a user error with the report, and load nothing, unless everything matches.
  bool strict = true;
  /// Leave out the weights of the last layer (`head_weights`), whatever the file has for them: the
  /// network was given a new one.
  bool new_head = false;
  /// Fit the first layer of a map to another number of input channels: one is the sum of the file's
  /// (a grey picture then gives what the same picture in red, green and blue gave), more are the
  /// file's over and over, scaled so that the sum stays.
  bool adapt_input = false;
  /// What the report shall say too.
  std::vector<std::string> notes = {};
};

/// Gives a model the tensors of a state dict by name. Floating types are converted to what the
/// network declares; `num_batches_tracked`, which PyTorch counts and rung does not need, is passed
/// over in silence. Where every name begins with `module.`, as DataParallel saves them, and none of
/// the network's does, that is taken off. Memory is shared wherever nothing is converted.
/// Throws a user error where `rename` sends two tensors to one name.
WeightReport load_weights(Model& model, const Weights& tensors,
                          const LoadWeightsOptions& options = {});

}  // namespace rung
