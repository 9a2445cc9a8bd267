#pragma once

#include "rung/exec/onednn/draft.h"
#include "rung/exec/onednn/plan_cache.h"
#include "rung/exec/onednn/program.h"

namespace rung::onednn {

/// Packed weights, which the programs of several shapes share: by where they came from and what
/// they were made into. Lives as long as the weights that it is given.
class Packer {
 public:
  /// `value`, row-major, in the order that `to` asks for.
  Tensor packed(const Tensor& value, const dnnl::memory::desc& to);
  /// What `make` makes of it, by the name of the way.
  Tensor prepared(const Tensor& source, const std::string& how,
                  const std::function<Tensor()>& make);

 private:
  struct Made {
    std::shared_ptr<Storage> source;  ///< kept, so that its address stays its own
    std::weak_ptr<Storage> packed;
    DType dtype = DType::kU8;
    Shape shape = {};
  };
  std::map<std::string, Made> made_;
};

/// Lowers a graph whose passes are done: groups, forms, steps. Weights by name.
/// Throws an unsupported error with all nodes that have no kernel, and why.
Draft lower_graph(const Graph& graph, const Weights& weights, const CompileOptions& options,
                  Packer& packer, const PlanCache& cache);

}  // namespace rung::onednn
